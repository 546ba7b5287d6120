//! Instruments that any module can use: histograms for metrics, and spans for traces. They use no other module.

pub mod histogram;
pub mod spans;
