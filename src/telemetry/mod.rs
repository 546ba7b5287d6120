//! Measuring the service: histograms for metrics, and the spans of traces.

pub mod histogram;
pub mod spans;
