//! Instruments that any module can use: histograms for metrics, and spans for traces. Knows no other module.

pub mod histogram;
pub mod spans;
