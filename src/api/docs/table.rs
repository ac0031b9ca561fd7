//! The tables that the document is made of (`docs/api`): what there is, and what is served.
//!
//! A route is documented by a line of `routes.tsv`, method and path, and, where no table describes
//! it yet, by a line of one of the others. A test holds `routes.tsv` against the router.

use std::sync::LazyLock;

/// A line of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What it belongs to, `accounts` or `kith/auth`.
    pub area: &'static str,
    pub method: &'static str,
    /// With parameters as `:name`.
    pub path: &'static str,
    /// Who may call it, and the scopes.
    pub scope: &'static str,
    /// See [`super::notation::fields`].
    pub input: &'static str,
    /// See [`super::notation::answer`].
    pub answer: &'static str,
    pub title: &'static str,
}

/// A served route and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    pub method: &'static str,
    /// With parameters as `{name}`.
    pub path: &'static str,
    /// `None` when no table describes it.
    pub row: Option<&'static Row>,
}

const TABLES: [&str; 3] = [
    include_str!("../../../docs/api/mastodon.tsv"),
    include_str!("../../../docs/api/kith.tsv"),
    include_str!("../../../docs/api/other.tsv"),
];
const ROUTES: &str = include_str!("../../../docs/api/routes.tsv");

/// Every line of the tables.
pub fn rows() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
        TABLES
            .iter()
            .flat_map(|table| table.lines().skip(1))
            .filter_map(row)
            .collect()
    });
    &ROWS
}

fn row(line: &'static str) -> Option<Row> {
    let mut cells = line.split('\t');
    let mut next = || cells.next();
    Some(Row {
        area: next()?,
        method: next()?,
        path: next()?,
        scope: next()?,
        input: next()?,
        answer: next()?,
        title: next()?,
    })
}

/// Every served route, in the order of its table.
pub fn served() -> Vec<Served> {
    ROUTES
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(method, path)| Served {
            method,
            path,
            row: describes(method, path),
        })
        .collect()
}

/// The line for a route; where it has none, that of the method which this one stands in for, as
/// clients send POST and PATCH for PUT.
fn describes(method: &str, path: &str) -> Option<&'static Row> {
    let changes = |method: &str| matches!(method, "POST" | "PUT" | "PATCH");
    let wanted = shape(path);
    let mut there = rows().iter().filter(|row| shape(row.path) == wanted);
    let exact = there.clone().find(|row| row.method == method);
    exact.or_else(|| there.find(|row| changes(method) && changes(row.method)))
}

/// A path with its parameters' names left out.
fn shape(path: &str) -> Vec<&str> {
    let segment = |segment: &'static str, given: &str| match given.find([':', '{']) {
        Some(0) => segment,
        _ => "",
    };
    path.split('/')
        .map(|given| {
            let parameter = segment("{}", given);
            match (parameter, given.strip_prefix('@')) {
                ("{}", _) => "{}",
                // `@{name}`: the at sign belongs to the path.
                (_, Some(name)) if name.starts_with([':', '{']) => "@{}",
                _ => given,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_match_whatever_they_are_called() {
        assert_eq!(shape("/a/:id/b"), shape("/a/{name}/b"));
        assert_eq!(shape("/@:name/:id"), shape("/@{name}/{id}"));
        assert_eq!(shape("/media/:key"), shape("/media/{*key}"));
        assert_ne!(shape("/a/:id"), shape("/a/b"));
        assert_ne!(shape("/@:name"), shape("/:name"));
    }

    #[test]
    fn no_line_is_cut_off_or_there_twice() {
        let lines: usize = TABLES.iter().map(|table| table.lines().count() - 1).sum();
        assert_eq!(rows().len(), lines);
        for (n, row) in rows().iter().enumerate() {
            let same =
                |other: &&Row| other.method == row.method && shape(other.path) == shape(row.path);
            assert_eq!(
                rows().iter().position(|other| same(&other)),
                Some(n),
                "{row:?}"
            );
        }
    }
}
