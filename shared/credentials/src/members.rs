//! The names of the members of a secret, each in one place.
//!
//! A member is named like the setting that it replaces, in lower case.

/// How the secret is rotated; see [`crate::rotation::Strategy`].
pub const STRATEGY: &str = "strategy";

/// How many hours the previous value stays valid after a rotation.
pub const OVERLAP_HOURS: &str = "overlap_hours";

/// When the value was created, in milliseconds since 1970.
pub const ROTATED_AT: &str = "rotated_at_ms";

/// The client id of HaloPSA's application.
pub const HALOPSA_CLIENT_ID: &str = "halopsa_client_id";

/// Its client secret.
pub const HALOPSA_CLIENT_SECRET: &str = "halopsa_client_secret";

/// The client id of the other application, where two take turns.
pub const HALOPSA_IDLE_CLIENT_ID: &str = "halopsa_idle_client_id";

/// The id of Liongard's access key.
pub const LIONGARD_KEY_ID: &str = "liongard_access_key_id";

/// The secret of Liongard's access key.
pub const LIONGARD_KEY_SECRET: &str = "liongard_access_key_secret";

/// When the access key expires, in milliseconds since 1970.
pub const LIONGARD_KEY_EXPIRES: &str = "liongard_access_key_expires_ms";

/// How many days a new access key is valid; `"Unlimited"` for one that never expires.
pub const LIONGARD_KEY_DAYS: &str = "liongard_access_key_days";

/// Access keys that were replaced and are not yet deleted, each with the time of its successor.
pub const LIONGARD_RETIRING_KEYS: &str = "liongard_retiring_keys";

/// The unguessable last segment of the webhook's path.
pub const WEBHOOK_TOKEN: &str = "halopsa_webhook_token";

/// The previous path token, still accepted.
pub const WEBHOOK_TOKEN_PREVIOUS: &str = "halopsa_webhook_token_previous";

/// Whether the path token alone authenticates a delivery on a public address.
pub const WEBHOOK_ALLOW_TOKEN_ONLY: &str = "halopsa_webhook_allow_token_only";

/// The key of the signature (HMAC-SHA256).
pub const WEBHOOK_HMAC_KEY: &str = "halopsa_webhook_secret";

/// The previous key of the signature, still accepted.
pub const WEBHOOK_HMAC_KEY_PREVIOUS: &str = "halopsa_webhook_secret_previous";

/// The header that carries the signature.
pub const WEBHOOK_SIGNATURE_HEADER: &str = "halopsa_webhook_signature_header";

/// The user name of HTTP Basic.
pub const WEBHOOK_USERNAME: &str = "halopsa_webhook_username";

/// The password of HTTP Basic.
pub const WEBHOOK_PASSWORD: &str = "halopsa_webhook_password";

/// The previous password, still accepted.
pub const WEBHOOK_PASSWORD_PREVIOUS: &str = "halopsa_webhook_password_previous";

/// The bearer token.
pub const WEBHOOK_BEARER: &str = "halopsa_webhook_bearer";

/// The previous bearer token, still accepted.
pub const WEBHOOK_BEARER_PREVIOUS: &str = "halopsa_webhook_bearer_previous";

/// The API key.
pub const WEBHOOK_API_KEY: &str = "halopsa_webhook_api_key";

/// The previous API key, still accepted.
pub const WEBHOOK_API_KEY_PREVIOUS: &str = "halopsa_webhook_api_key_previous";

/// The header that carries the API key.
pub const WEBHOOK_API_KEY_HEADER: &str = "halopsa_webhook_api_key_header";
