//! Tables as text (RFC 4180): commas, quotes, lines.

/// The records of a text. What is not closed is taken to the end; empty lines are left out.
pub fn records(text: &str) -> Vec<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut was_quoted) = (false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() && !was_quoted => (quoted, was_quoted) = (true, true),
            ',' if !quoted => {
                record.push(std::mem::take(&mut field));
                was_quoted = false;
            }
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                close(&mut records, &mut record, &mut field);
                was_quoted = false;
            }
            c => field.push(c),
        }
    }
    close(&mut records, &mut record, &mut field);
    records
}

fn close(records: &mut Vec<Vec<String>>, record: &mut Vec<String>, field: &mut String) {
    if record.is_empty() && field.trim().is_empty() {
        field.clear();
        return;
    }
    record.push(std::mem::take(field));
    records.push(std::mem::take(record));
}

/// One record as a line, with its end.
pub fn line(fields: &[&str]) -> String {
    let mut out = String::new();
    for (n, field) in fields.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let fields = ["a", "", "b,c", "say \"hi\"", "two\r\nlines", " x "];
        let text = line(&fields) + &line(&["last"]);
        assert_eq!(records(&text), [fields.to_vec(), vec!["last"]]);
    }

    #[test]
    fn any_text_is_a_table() {
        assert_eq!(
            records("\u{feff}#a,b\r\n\r\n1,2"),
            [["#a", "b"], ["1", "2"]]
        );
        assert_eq!(records("a\"b,\"c"), [["a\"b", "c"]]);
        assert_eq!(records("\"a\"b,"), [["ab", ""]]);
        assert_eq!(records("\n \n"), Vec::<Vec<String>>::new());
        assert_eq!(records(""), Vec::<Vec<String>>::new());
    }
}
