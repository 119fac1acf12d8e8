//! Reading every link of a store, a page at a time.

use halogard_app::ports::{LinkFilter, Links, PortError};
use halogard_domain::Link;

/// Links that are read at once: a page takes milliseconds, so that a busy worker waits for none.
const PAGE: usize = 200;

/// Calls `visit` for each link that matches `filter`, ordered by alert.
pub async fn for_each_link(
    store: &impl Links,
    filter: LinkFilter,
    mut visit: impl FnMut(Link),
) -> Result<(), PortError> {
    let mut after = None;
    loop {
        let links = store.list(filter, after, PAGE).await?;
        let Some(last) = links.last() else {
            return Ok(());
        };
        after = Some(last.alert);
        links.into_iter().for_each(&mut visit);
    }
}

/// The first thing that `find` sees in a link that matches `filter`, by alert. Later links are not read.
pub async fn find_in_links<T>(
    store: &impl Links,
    filter: LinkFilter,
    find: impl Fn(&Link) -> Option<T>,
) -> Result<Option<T>, PortError> {
    let mut after = None;
    loop {
        let links = store.list(filter, after, PAGE).await?;
        let Some(last) = links.last() else {
            return Ok(None);
        };
        after = Some(last.alert);
        if let Some(found) = links.iter().find_map(&find) {
            return Ok(Some(found));
        }
    }
}
