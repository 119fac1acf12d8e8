//! Customers and their sites.

use std::marker::PhantomData;

use halogard_app::ports::{Clock, RequestBudget};
use halogard_domain::ids::HaloClientId;
use halogard_http::Transport;

use super::pages::{Listing, paged};
use super::query::{ClientQuery, matches_if_known};
use super::request::HaloRequest;
use super::{Client, route};
use crate::error::Error;
use crate::wire::{ClientRow, SiteRow};

/// The most pages of customers or sites read, of 100 rows each. A service provider with 10,000
/// customers is larger than any known.
const CUSTOMER_PAGES_MAX: u32 = 100;

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// `GET /Client`, all pages. Spends one request per 100 customers.
    ///
    /// Inactive customers are set aside unless asked for.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyPages`] beyond 10,000 customers.
    pub async fn clients(&self, query: &ClientQuery) -> Result<Listing<ClientRow>, Error> {
        let call_for = |page_no| paged(query.apply_to(HaloRequest::to(route::CLIENTS)), page_no);
        let belongs = |row: &ClientRow| query.includeinactive || row.inactive != Some(true);
        self.all_pages(call_for, "clients", CUSTOMER_PAGES_MAX, belongs)
            .await
    }

    /// `GET /Client/{id}` with details. Spends one request.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] for an unknown customer.
    pub async fn client(&self, id: HaloClientId) -> Result<ClientRow, Error> {
        let call = HaloRequest::to(route::CLIENT)
            .of(id.get())
            .with("includedetails", true);
        self.read(&call, PhantomData::<ClientRow>).await
    }

    /// `GET /Site`: the sites of `client`, all pages. Spends one request per 100 sites.
    ///
    /// Sites of other customers are set aside.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyPages`] beyond 10,000 sites.
    pub async fn sites(&self, of: Option<HaloClientId>) -> Result<Listing<SiteRow>, Error> {
        let call_for = |page_no| {
            let call = HaloRequest::to(route::SITES)
                .with("includeactive", true)
                .with("includeinactive", true);
            let call = match of {
                Some(client) => call.with("client_id", client),
                None => call,
            };
            paged(call, page_no)
        };
        let belongs = |row: &SiteRow| matches_if_known(of, row.client_id);
        self.all_pages(call_for, "sites", CUSTOMER_PAGES_MAX, belongs)
            .await
    }
}
