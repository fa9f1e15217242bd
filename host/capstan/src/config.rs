//! The configuration file, with what the command line says on top.

use anyhow::Context;
use capstan_app::settings::Settings;

use crate::cli::Process;

/// Bytes of a configuration file; more is not one.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn load(options: &Process) -> anyhow::Result<Settings> {
    let mut settings = match &options.config {
        None => Settings::default(),
        Some(path) => {
            let named = || format!("configuration {}", path.display());
            let size = std::fs::metadata(path).with_context(named)?.len();
            anyhow::ensure!(size <= CONFIG_BYTES_MAX, "{} has more than {CONFIG_BYTES_MAX} bytes", named());
            parse(&std::fs::read_to_string(path).with_context(named)?).with_context(named)?
        }
    };
    if options.database.is_some() {
        settings.catalogue.url.clone_from(&options.database);
    }
    if options.plugins.is_some() {
        settings.plugins.bundled.clone_from(&options.plugins);
    }
    Ok(settings)
}

fn parse(text: &str) -> anyhow::Result<Settings> {
    toml::from_str(text).map_err(|error| match nearest(error.message()) {
        Some(name) => anyhow::anyhow!("{error}did you mean `{name}`?"),
        None => error.into(),
    })
}

/// Letters that may differ for a name to be the one that was meant.
const SLIPS_MAX: usize = 3;

/// From "unknown field `a`, expected one of `b`, `c`": the name that is most like the first.
fn nearest(message: &str) -> Option<&str> {
    let mut names = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let given = names.next()?;
    let (slips, name) = names.map(|name| (slips(given, name), name)).min()?;
    (slips <= SLIPS_MAX.min(given.chars().count().div_ceil(2))).then_some(name)
}

/// Letters to insert, to remove or to change to make one of the other (Levenshtein).
fn slips(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut next = vec![at + 1];
        for ((other, above), beside) in to.chars().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            next.push((beside + usize::from(letter != other)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
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
    fn a_misspelt_setting_is_told_with_the_name_that_is_nearest() {
        for (text, name) in [
            ("[api]\ndrain-mss = 5\n", "drain-ms"),
            ("[gests]\ncpu-ms = 5\n", "guests"),
            ("[services]\nconnection_waiters = 5\n", "connection-waiters"),
            ("[mover]\nlarge-file = 5\n", "large-files"),
        ] {
            let told = parse(text).unwrap_err().to_string();
            assert!(told.ends_with(&format!("did you mean `{name}`?")), "{told}");
        }
        assert!(!parse("[wholly-different-thing]\n").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn the_example_shows_every_setting() {
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/configuration/capstan.toml")).unwrap();
        // Of each section, the names that an unknown one is told.
        for section in ["api", "tls", "catalogue", "spaces", "site", "plugins", "guests", "services", "mover", "jobs", "log"] {
            let told = toml::from_str::<Settings>(&format!("[{section}]\nno-such-name = 1\n")).unwrap_err().message().to_owned();
            let names: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
            assert!(!names.is_empty(), "{section}: {told}");
            let head = format!("[{section}]");
            let lines = text.lines().map(|line| line.trim_start_matches("# "));
            let shown: Vec<_> =
                lines.skip_while(|line| *line != head).skip(1).take_while(|line| !line.starts_with('[')).collect();
            for name in names {
                let stands = |line: &&str| line.split('=').next().is_some_and(|before| before.trim() == name);
                assert!(shown.iter().any(stands), "{section}: {name} is not shown");
            }
        }
    }

    #[test]
    fn a_misspelt_setting_is_an_error_and_not_the_default() {
        assert!(toml::from_str::<Settings>("[api]\ndrain-mss = 5\n").is_err());
        assert!(toml::from_str::<Settings>("[apo]\n").is_err());
        let settings: Settings = toml::from_str("[api]\ndrain-ms = 5\n[guests]\ncpu-ms = 7\n").unwrap();
        assert_eq!((settings.api.drain_ms, settings.guests.cpu_budget.as_millis()), (5, 7));
    }
}
