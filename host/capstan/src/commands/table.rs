//! Answers as text for people: columns, or lines of names and values.

use serde_json::Value;

/// Columns as wide as their widest cell; `columns` are headings with the JSON pointers of their values.
pub(crate) fn columns<'a>(rows: impl IntoIterator<Item = &'a Value>, columns: &[(&str, &str)]) -> String {
    let mut table: Vec<Vec<String>> = vec![columns.iter().map(|(heading, _)| (*heading).to_owned()).collect()];
    for row in rows {
        table.push(columns.iter().map(|(_, pointer)| cell(row.pointer(pointer))).collect());
    }
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    table
        .iter()
        .map(|row| {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// One line a member; what is null is left out.
pub(crate) fn members(value: &Value) -> String {
    let Some(object) = value.as_object() else { return cell(Some(value)) };
    let width = object.keys().map(String::len).max().unwrap_or(0);
    object
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name:<width$}  {}", cell(Some(value))))
        .collect::<Vec<_>>()
        .join("\n")
}

pub(crate) fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        Some(Value::Array(items)) => items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_line_up_and_control_characters_do_not_reach_the_terminal() {
        let rows = [json!({"a": "x", "b": {"c": 1}}), json!({"a": "long\u{1b}[31m", "b": null})];
        assert_eq!(columns(&rows, &[("A", "/a"), ("C", "/b/c")]), "A          C\nx          1\nlong\u{fffd}[31m  -");
    }
}
