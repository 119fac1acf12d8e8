//! What a client is built from.

use std::fmt;

use url::Url;

use crate::AccessKey;

/// What a client is built from. Its `Debug` says neither the address nor the key.
#[derive(Clone)]
pub struct LiongardClientSettings {
    /// Scheme, host and port, as `https://us1.app.liongard.com/`. See [`crate::Address`].
    pub base: Url,
    /// Who we are. See [`crate::ParsedAccessKey`].
    pub key: AccessKey,
}

impl fmt::Debug for LiongardClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiongardClientSettings")
            .finish_non_exhaustive()
    }
}
