//! The statements that a client of PostgreSQL runs, from the bytes that it sends (PostgreSQL 55.7, Message Formats). For
//! one that it only prepares, this is `PREPARE` and its text.

use std::collections::HashMap;

/// Version numbers in the first message that ask for encryption; the real first message comes after the answer.
const ASKS_FOR_ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];

/// What one connection has sent.
#[derive(Default)]
pub(crate) struct Messages {
    unread: Vec<u8>,
    has_begun: bool,
    prepared: HashMap<String, String>,
}

impl Messages {
    /// The statements that are run by what comes next.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<String> {
        self.unread.extend_from_slice(bytes);
        let mut statements = Vec::new();
        while let Some(statement) = self.next() {
            statements.extend(statement);
        }
        statements
    }

    /// `None`: the next message is not complete.
    fn next(&mut self) -> Option<Option<String>> {
        // All but the first begin with a letter.
        let letters = usize::from(self.has_begun);
        let length: [u8; 4] = self.unread.get(letters..letters + 4)?.try_into().unwrap();
        let end = letters + usize::try_from(u32::from_be_bytes(length)).unwrap();
        let body = self.unread.get(letters + 4..end)?.to_vec();
        let kind = self.unread.drain(..end).next();
        if !self.has_begun {
            let version = u32::from_be_bytes(body[..4].try_into().unwrap());
            self.has_begun = !ASKS_FOR_ENCRYPTION.contains(&version);
            return Some(None);
        }
        let mut texts = body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        Some(match kind {
            Some(b'Q') => texts.next(),
            Some(b'P') => {
                let (name, text) = (texts.next().unwrap(), texts.next().unwrap());
                self.prepared.insert(name, text.clone());
                Some(format!("PREPARE {text}"))
            }
            // Behind the name of the portal is that of the statement.
            Some(b'B') => Some(self.prepared[&texts.nth(1).unwrap()].clone()),
            _ => None,
        })
    }
}
