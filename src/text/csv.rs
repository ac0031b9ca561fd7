//! Comma-separated values (RFC 4180), as people carry them from one server to another.

/// Adds a row: fields that need it stand in quotes.
pub fn write_row<'a>(out: &mut String, fields: impl IntoIterator<Item = &'a str>) {
    for (n, field) in fields.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        if field.contains(['"', ',', '\n', '\r']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push('\n');
}

/// Fields of a row at most: no list that people carry about has as many.
const FIELDS: usize = 100;

/// The rows of a text; empty lines are none. A quote that is never closed ends with the text. `None`
/// where there are more than `most` rows, or one has more than [`FIELDS`] fields.
pub fn rows(text: &str, most: usize) -> Option<Vec<Vec<String>>> {
    // Spreadsheets put a mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let mut field = String::new();
    let (mut quoted, mut was_quoted) = (false, false);
    let mut chars = text.chars().peekable();
    loop {
        let c = chars.next();
        match c {
            Some('"') if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            Some('"') if quoted => quoted = false,
            Some(c) if quoted => field.push(c),
            Some('"') if field.is_empty() && !was_quoted => (quoted, was_quoted) = (true, true),
            Some(',') => {
                row.push(std::mem::take(&mut field));
                was_quoted = false;
                if row.len() >= FIELDS {
                    return None;
                }
            }
            Some('\r' | '\n') | None => {
                if !row.is_empty() || !field.is_empty() || was_quoted {
                    row.push(std::mem::take(&mut field));
                    was_quoted = false;
                    if rows.len() >= most {
                        return None;
                    }
                    rows.push(std::mem::take(&mut row));
                }
                if c.is_none() {
                    return Some(rows);
                }
            }
            Some(c) => field.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FIELDS, rows, write_row};

    #[test]
    fn what_is_written_is_read() {
        let fields = ["plain", "", "a, b", "say \"hi\"", "two\nlines", "\"", "ü"];
        let mut text = String::new();
        write_row(&mut text, fields);
        write_row(&mut text, ["x", ""]);
        assert_eq!(rows(&text, 2).unwrap(), [fields.to_vec(), vec!["x", ""]]);
        assert_eq!(rows(&text, 1), None);
        assert_eq!(rows(&",".repeat(FIELDS), 1), None);
    }

    #[test]
    fn other_hands_are_read_as_well() {
        let read = |text: &str| rows(text, 10).unwrap();
        assert_eq!(
            read("\u{feff}a,b\r\n\r\nc\r\n"),
            [vec!["a", "b"], vec!["c"]]
        );
        assert_eq!(read("\"a\"x,b"), [vec!["ax", "b"]]);
        assert_eq!(read("a\"b\",c"), [vec!["a\"b\"", "c"]]);
        assert_eq!(read("\"never closed,\n"), [vec!["never closed,\n"]]);
        assert_eq!(read("\"\""), [vec![""]]);
        assert_eq!(read(",\n"), [vec!["", ""]]);
        assert!(read("\n\n\r\n").is_empty());
    }
}
