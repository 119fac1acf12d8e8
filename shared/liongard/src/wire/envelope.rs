//! The envelope of version 2: `{Success, Data, …}`, and the block that counts pages.

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
