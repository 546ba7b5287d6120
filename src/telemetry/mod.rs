//! Instruments that any module can use: histograms and counters for metrics, and spans for traces. They use no other
//! module.

pub mod dropped_log_lines;
pub mod histogram;
pub mod spans;
