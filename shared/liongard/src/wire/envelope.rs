//! The envelope `{Success, Data, …}`, and the block that counts pages. The version of the API that is used here is
//! documented without one; a production client reads it with and without.

use std::borrow::Cow;
use std::collections::BTreeMap;

use halogard_wire::body::{self, BodyError, BodyProblem};
use halogard_wire::values::integer;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The block that counts pages.
#[derive(Default, Deserialize)]
struct Pagination {
    /// Rows on all pages.
    #[serde(rename = "TotalRows", default, deserialize_with = "integer")]
    total_rows: Option<i64>,
}

/// What an envelope is called `Data` by, in version 1.
const DATA: [&str; 2] = ["Data", "data"];

/// The members of an envelope, without its rows.
pub(crate) struct EnvelopeHead;

impl EnvelopeHead {
    /// Whether an envelope whose list had `rows` records, and stands empty in `around`, holds all there are.
    ///
    /// # Errors
    ///
    /// [`BodyProblem::Paged`] when it may be one page of several; [`BodyProblem::Refused`] when the envelope
    /// reports a failure.
    pub(crate) fn check(around: &[u8], rows: usize) -> Result<(), BodyError> {
        let members: BTreeMap<String, &RawValue> = body::read(around)?;
        check_whole(&members, rows)
    }
}

/// Whether the list that an envelope holds begins after `head`: at its member `Data`.
pub(crate) fn opens_list(head: &[u8]) -> bool {
    let mut closed = head.to_vec();
    closed.extend_from_slice(b"null}");
    let Ok(members) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(&closed) else {
        return false;
    };
    let Some(before) = head.trim_ascii_end().strip_suffix(b":") else {
        return false;
    };
    let before = before.trim_ascii_end();
    DATA.iter().any(|name| {
        members
            .get(*name)
            .is_some_and(|value| value.get() == "null")
            && before.ends_with(format!("\"{name}\"").as_bytes())
    })
}

/// What an envelope holds in `body`; `body` itself when there is none.
///
/// # Errors
///
/// As [`EnvelopeHead::check`].
pub(crate) fn unwrapped(body: &[u8]) -> Result<Cow<'_, [u8]>, BodyError> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Ok(Cow::Borrowed(body));
    }
    let Ok(members) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(body) else {
        return Ok(Cow::Borrowed(body));
    };
    let Some(data) = DATA.iter().find_map(|name| members.get(*name)) else {
        return Ok(Cow::Borrowed(body));
    };
    if members.contains_key("ID") {
        // A record with a member of that name.
        return Ok(Cow::Borrowed(body));
    }
    let rows = serde_json::from_str::<Vec<&RawValue>>(data.get()).map_or(1, |rows| rows.len());
    check_whole(&members, rows)?;
    Ok(Cow::Owned(data.get().as_bytes().to_vec()))
}

/// Whether `members` do not contradict that `rows` records are all.
fn check_whole(members: &BTreeMap<String, &RawValue>, rows: usize) -> Result<(), BodyError> {
    let member = |names: [&str; 2]| names.iter().find_map(|name| members.get(*name));
    if member(["Success", "success"]).is_some_and(|success| success.get() == "false") {
        return Err(BodyError::at("Success", BodyProblem::Refused));
    }
    let Some(block) = member(["Pagination", "pagination"]).filter(|block| block.get() != "null")
    else {
        return Ok(());
    };
    let pages: Pagination = serde_json::from_str(block.get()).unwrap_or_default();
    let all = pages
        .total_rows
        .and_then(|total| usize::try_from(total).ok());
    if all.is_some_and(|all| all <= rows) {
        return Ok(());
    }
    Err(BodyError::at("Pagination", BodyProblem::Paged))
}
