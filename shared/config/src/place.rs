//! Where in a file something stands, as its tables are headed.

use std::fmt;

/// A table of the file, named as its header is or could be written.
#[derive(Clone)]
pub(crate) struct Place {
    path: Vec<String>,
    repeated: bool,
}

impl Place {
    /// What stands before the first header.
    pub(crate) fn top() -> Self {
        Self {
            path: Vec::new(),
            repeated: false,
        }
    }

    /// The table `key` in this one.
    pub(crate) fn table(&self, key: &str) -> Self {
        let path = [self.path.as_slice(), &[as_written(key)]].concat();
        Self {
            path,
            repeated: false,
        }
    }

    /// Whether this is what stands before the first header.
    pub(crate) fn is_top(&self) -> bool {
        self.path.is_empty()
    }

    /// This one, as one of several.
    pub(crate) fn repeated(self) -> Self {
        Self {
            repeated: true,
            ..self
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.join(".");
        match (path.as_str(), self.repeated) {
            ("", _) => f.write_str("the file"),
            (path, false) => write!(f, "[{path}]"),
            (path, true) => write!(f, "[[{path}]]"),
        }
    }
}

/// `key` with quotes where TOML wants them.
fn as_written(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}
