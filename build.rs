//! Rebuilds the crate when a migration is added, because the migrations are embedded in the binary, and compresses the
//! script of the documentation page.

use std::error::Error;
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::{env, fs};

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

#[expect(clippy::disallowed_methods, reason = "Cargo passes the settings of a build script in the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=migrations");
    let directory = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    // The best compression takes 20 seconds more.
    let quality = if env::var_os("PROFILE").as_deref() == Some(OsStr::new("release")) { 11 } else { 5 };
    let script = scalar_api_reference::get_asset("scalar.js").ok_or("the crate does not contain scalar.js")?;
    compress(&script, Path::new(&directory), quality)
}

/// Writes `scalar.js.gz` and `scalar.js.br`, unless an earlier build has compressed the same script. It keeps the
/// script next to them, to compare.
fn compress(script: &[u8], directory: &Path, quality: i32) -> Result<(), Box<dyn Error>> {
    let compressed_script = directory.join("scalar.js");
    if fs::read(&compressed_script).is_ok_and(|compressed| compressed == script) {
        return Ok(());
    }
    let mut gzip = GzEncoder::new(fs::File::create(directory.join("scalar.js.gz"))?, Compression::best());
    gzip.write_all(script)?;
    gzip.finish()?;
    let parameters = BrotliEncoderParams { quality, lgwin: 24, size_hint: script.len(), ..Default::default() };
    let mut brotli = fs::File::create(directory.join("scalar.js.br"))?;
    brotli::BrotliCompress(&mut &*script, &mut brotli, &parameters)?;
    Ok(fs::write(compressed_script, script)?)
}
