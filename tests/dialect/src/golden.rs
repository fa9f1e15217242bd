//! Compares a document with the file that says what it has to be, for the tests of the dialects.
//!
//! With `CAPSTAN_UPDATE_GOLDEN=1` in the environment the file is written anew instead; the difference then shows in version control.

use std::path::Path;

use serde_json::Value;

/// Says where the two differ first.
pub fn check(file: &Path, found: &Value) -> Result<(), String> {
    let text = format!("{}\n", serde_json::to_string_pretty(&sorted(found)).map_err(|error| error.to_string())?);
    if std::env::var_os("CAPSTAN_UPDATE_GOLDEN").is_some() {
        return std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()));
    }
    let wanted = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    match wanted.lines().zip(text.lines()).enumerate().find(|(_, (wanted, found))| wanted != found) {
        Some((line, (wanted, found))) => Err(format!(
            "{}, line {}: the file has\n  {wanted}\nbut there is now\n  {found}\nIf that is meant, run the test with CAPSTAN_UPDATE_GOLDEN=1 and commit the file.",
            file.display(),
            line + 1
        )),
        None if wanted.len() != text.len() => {
            Err(format!("{} differs in length; CAPSTAN_UPDATE_GOLDEN=1 writes it anew", file.display()))
        }
        None => Ok(()),
    }
}

/// Members in alphabetical order, whatever the JSON library was built to do.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut names: Vec<_> = members.iter().collect();
            names.sort_by_key(|(name, _)| *name);
            Value::Object(names.into_iter().map(|(name, member)| (name.clone(), sorted(member))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
