//! Progress counters that exports and imports report after each step.

/// The progress of an export or import so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct TransferProgress {
    /// Bytes read from the import file.
    pub bytes: u64,
    /// Posts written to the export, or stored by the import.
    pub posts: u64,
    /// All posts to export. `None` for an import, which cannot know it in advance.
    pub total: Option<u64>,
}
