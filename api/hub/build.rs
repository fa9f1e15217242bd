//! Unpacks what is served of Swagger UI from the archive that was published.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

/// Below the archive's one directory.
const FILES: [&str; 5] = ["LICENSE", "NOTICE", "dist/favicon-32x32.png", "dist/swagger-ui-bundle.js", "dist/swagger-ui.css"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let directory = PathBuf::from(env::var("OUT_DIR")?).join("swagger-ui");
    fs::create_dir_all(directory.join("dist"))?;
    let archive = ZipArchive::from_slice(SWAGGER_UI_VENDORED)?;
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry()? {
        let path = entry.file_path().try_normalize()?;
        let Some((_, file)) = path.as_ref().split_once('/').filter(|(_, below)| FILES.contains(below)) else { continue };
        let packed = archive.get_entry(entry.wayfinder())?;
        let bytes: Box<dyn Read> = match entry.compression_method() {
            CompressionMethod::STORE => Box::new(packed.data()),
            _ => Box::new(DeflateDecoder::new(packed.data())),
        };
        io::copy(&mut packed.verifying_reader(bytes), &mut File::create(directory.join(file))?)?;
    }
    Ok(())
}
