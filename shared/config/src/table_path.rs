//! The path of a table in a file, written as its header.

use std::fmt;

/// A table of the file, named as its header is or could be written.
#[derive(Clone)]
pub(crate) struct TablePath {
    path: Vec<String>,
    repeated: bool,
}

impl TablePath {
    /// The top level, before the first header.
    pub(crate) fn top() -> Self {
        Self {
            path: Vec::new(),
            repeated: false,
        }
    }

    /// The table `key` in this table.
    pub(crate) fn table(&self, key: &str) -> Self {
        let path = [self.path.as_slice(), &[as_written(key)]].concat();
        Self {
            path,
            repeated: false,
        }
    }

    /// Whether this is the top level.
    pub(crate) fn is_top(&self) -> bool {
        self.path.is_empty()
    }

    /// This path as an element of a list of tables.
    pub(crate) fn repeated(self) -> Self {
        Self {
            repeated: true,
            ..self
        }
    }
}

impl fmt::Display for TablePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.join(".");
        match (path.as_str(), self.repeated) {
            ("", _) => f.write_str("the file"),
            (path, false) => write!(f, "[{path}]"),
            (path, true) => write!(f, "[[{path}]]"),
        }
    }
}

/// `key` in quotes if TOML requires them.
fn as_written(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}
