//! The envelope of version 2: `{Success, Data, …}`, and the block that counts pages. Version 1 is documented
//! without one; a production client reads it with and without.

use std::borrow::Cow;
use std::collections::BTreeMap;

use halogard_wire::body::{self, BodyError, BodyProblem};
use halogard_wire::values::{OneOrMany, flag, integer};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V2Page<T> {
    /// The rows, in Liongard's order.
    pub rows: Vec<T>,
    /// The page's position among all pages, if Liongard gives it.
    pub paging: Option<Paging>,
}

/// The position of a page among all pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Paging {
    /// Rows on all pages.
    #[serde(rename = "TotalRows", default, deserialize_with = "integer")]
    pub total_rows: Option<i64>,
    /// Whether there is a page after this one.
    #[serde(rename = "HasMoreRows", default, deserialize_with = "flag")]
    pub has_more_rows: Option<bool>,
    /// This page, from 1.
    #[serde(rename = "CurrentPage", default, deserialize_with = "integer")]
    pub current_page: Option<i64>,
    /// All pages.
    #[serde(rename = "TotalPages", default, deserialize_with = "integer")]
    pub total_pages: Option<i64>,
    /// Rows on a full page.
    #[serde(rename = "PageSize", default, deserialize_with = "integer")]
    pub page_size: Option<i64>,
}

/// The content of an envelope.
pub(crate) enum EnvelopeBody<T> {
    /// The rows.
    Page(V2Page<T>),
    /// `Success` is false.
    Refused,
}

/// The envelope itself. `Data` is decoded only after `Success` was checked.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "Success")]
    success: bool,
    #[serde(rename = "Data", borrow)]
    data: Option<&'a RawValue>,
    #[serde(rename = "Pagination")]
    paging: Option<Paging>,
}

/// What an envelope is called `Data` by, in version 1.
const DATA: [&str; 2] = ["Data", "data"];

/// The members of an envelope of version 1, without its rows.
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

/// Whether the list that an envelope of version 1 holds begins after `head`: at its member `Data`.
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

/// What an envelope of version 1 holds in `body`; `body` itself when there is none.
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
    let paging: Paging = serde_json::from_str(block.get()).unwrap_or_default();
    let all = paging
        .total_rows
        .and_then(|total| usize::try_from(total).ok());
    if all.is_some_and(|all| all <= rows) {
        return Ok(());
    }
    Err(BodyError::at("Pagination", BodyProblem::Paged))
}

/// Decodes the envelope `body`. Its rows are either `Data` itself (a list or one record), or the member
/// `member` of `Data`, beside `Pagination`. Liongard uses both forms.
pub(crate) fn parse_envelope<T: DeserializeOwned>(
    body: &[u8],
    member: &str,
) -> Result<EnvelopeBody<T>, BodyError> {
    let envelope: Envelope<'_> = body::read(body)?;
    if !envelope.success {
        return Ok(EnvelopeBody::Refused);
    }
    let missing = || BodyError::at("Data", BodyProblem::Missing);
    let data = envelope.data.ok_or_else(missing)?.get();
    let inner = inner_page(data, member)?;
    let (rows, inner_paging) = match inner {
        Some((rows, paging)) => (rows, Some(paging)),
        None => {
            let OneOrMany(rows) =
                body::read(data.as_bytes()).map_err(|error| error.below("Data"))?;
            (rows, None)
        }
    };
    Ok(EnvelopeBody::Page(V2Page {
        rows,
        paging: envelope.paging.or(inner_paging),
    }))
}

/// The rows and the block in `data`, if it is an object with a `Pagination` of its own.
fn inner_page<T: DeserializeOwned>(
    data: &str,
    member: &str,
) -> Result<Option<(Vec<T>, Paging)>, BodyError> {
    type Members<'a> = std::collections::BTreeMap<String, &'a RawValue>;
    if !data.starts_with('{') {
        return Ok(None);
    }
    let members: Members<'_> = body::read(data.as_bytes()).map_err(|error| error.below("Data"))?;
    let Some(paging) = members.get("Pagination") else {
        return Ok(None);
    };
    let part = |name: &str| format!("Data.{name}");
    let paging =
        body::read(paging.get().as_bytes()).map_err(|error| error.below(&part("Pagination")))?;
    let rows = members
        .get(member)
        .ok_or_else(|| BodyError::at(part(member), BodyProblem::Missing))?;
    let OneOrMany(rows) =
        body::read(rows.get().as_bytes()).map_err(|error| error.below(&part(member)))?;
    Ok(Some((rows, paging)))
}
