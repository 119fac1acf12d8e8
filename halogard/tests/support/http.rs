//! HTTP without ceremony.

use halogard_http::{HttpClientSettings, reqwest_client};
use serde_json::Value;

/// A client that waits for each answer.
pub struct Http {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The body, as text.
    pub body: String,
    /// Header names and values, without the date.
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("an answer in JSON")
    }
}

impl Http {
    /// A client with a runtime of its own.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let client = reqwest_client(&HttpClientSettings::default()).unwrap();
        Self { runtime, client }
    }

    /// `GET url`, which must be answered.
    #[track_caller]
    pub fn get(&self, url: &str) -> Answer {
        self.send(self.client.get(url)).expect("an answer")
    }

    /// `GET url`, which must be JSON.
    #[track_caller]
    pub fn get_json(&self, url: &str) -> Value {
        self.get(url).json()
    }

    /// `DELETE url`, which must succeed.
    #[track_caller]
    pub fn delete(&self, url: &str) {
        let answer = self.send(self.client.delete(url)).expect("an answer");
        assert!(answer.status < 300, "{url} answered {answer:?}");
    }

    /// `POST url` with `headers`, which may repeat.
    #[track_caller]
    pub fn post(&self, url: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let mut request = self.client.post(url).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).expect("an answer")
    }

    /// `POST url` with JSON, which must succeed.
    #[track_caller]
    pub fn post_json(&self, url: &str, body: &Value) -> Value {
        let answer = self.post(url, &[], body.to_string());
        assert!(answer.status < 300, "{url} answered {answer:?}");
        answer.json()
    }

    /// Sends `request`; `None` when there is no answer.
    fn send(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        self.runtime.block_on(async {
            let response = request.send().await.ok()?;
            let status = response.status().as_u16();
            let headers = response.headers().iter();
            let headers = headers
                .filter(|(name, _)| *name != reqwest::header::DATE)
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.to_string(), value)
                })
                .collect();
            let body = response.text().await.ok()?;
            Some(Answer {
                status,
                body,
                headers,
            })
        })
    }
}
