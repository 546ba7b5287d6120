//! Parses the statements that a PostgreSQL client runs from the bytes it sends (PostgreSQL 15 manual, section 55.7,
//! Message Formats). A statement that is only prepared appears as `PREPARE` and its text.

use std::collections::HashMap;

/// The codes of `SSLRequest` and `GSSENCRequest`. The startup message follows after the server's reply.
const ENCRYPTION_REQUESTS: [u32; 2] = [80_877_103, 80_877_104];

/// The parser state of one connection.
#[derive(Default)]
pub(crate) struct Messages {
    unread: Vec<u8>,
    has_begun: bool,
    prepared: HashMap<String, String>,
}

impl Messages {
    /// Parses the next bytes and returns the statements in all complete messages.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<String> {
        self.unread.extend_from_slice(bytes);
        let mut statements = Vec::new();
        while let Some(statement) = self.next() {
            statements.extend(statement);
        }
        statements
    }

    /// The next message's statement, if it has one. Returns `None` if the message is incomplete.
    fn next(&mut self) -> Option<Option<String>> {
        // Every message but the startup message begins with a type byte.
        let type_bytes = usize::from(self.has_begun);
        let length: [u8; 4] = self.unread.get(type_bytes..type_bytes + 4)?.try_into().unwrap();
        let end = type_bytes + usize::try_from(u32::from_be_bytes(length)).unwrap();
        let body = self.unread.get(type_bytes + 4..end)?.to_vec();
        let message_type = self.unread.drain(..end).next();
        if !self.has_begun {
            let version = u32::from_be_bytes(body[..4].try_into().unwrap());
            self.has_begun = !ENCRYPTION_REQUESTS.contains(&version);
            return Some(None);
        }
        let mut texts = body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        Some(match message_type {
            Some(b'Q') => texts.next(),
            Some(b'P') => {
                let (name, text) = (texts.next().unwrap(), texts.next().unwrap());
                self.prepared.insert(name, text.clone());
                Some(format!("PREPARE {text}"))
            }
            // Bind names the portal, then the prepared statement.
            Some(b'B') => Some(self.prepared[&texts.nth(1).unwrap()].clone()),
            _ => None,
        })
    }
}
