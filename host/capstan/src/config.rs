//! The configuration file, with what the command line says on top.

use anyhow::Context;
use capstan_app::settings::Settings;

use crate::cli::Serve;

/// Bytes of a configuration file; more is not one.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn load(options: &Serve) -> anyhow::Result<Settings> {
    let mut settings = match &options.config {
        None => Settings::default(),
        Some(path) => {
            let named = || format!("configuration {}", path.display());
            let size = std::fs::metadata(path).with_context(named)?.len();
            anyhow::ensure!(size <= CONFIG_BYTES_MAX, "{} has more than {CONFIG_BYTES_MAX} bytes", named());
            toml::from_str(&std::fs::read_to_string(path).with_context(named)?).with_context(named)?
        }
    };
    if options.listen.is_some() {
        settings.api.listen = options.listen;
    }
    if options.database.is_some() {
        settings.catalogue.url.clone_from(&options.database);
    }
    if options.plugins.is_some() {
        settings.plugins.bundled.clone_from(&options.plugins);
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_configuration() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/configuration/capstan.toml");
        toml::from_str::<Settings>(&std::fs::read_to_string(file).unwrap()).unwrap();
    }

    #[test]
    fn a_misspelt_setting_is_an_error_and_not_the_default() {
        assert!(toml::from_str::<Settings>("[api]\ndrain-mss = 5\n").is_err());
        assert!(toml::from_str::<Settings>("[apo]\n").is_err());
        let settings: Settings = toml::from_str("[api]\ndrain-ms = 5\n[guests]\ncpu-ms = 7\n").unwrap();
        assert_eq!((settings.api.drain_ms, settings.guests.cpu_ms), (5, Some(7)));
    }
}
