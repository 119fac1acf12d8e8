//! The side of a command.

use std::io;
use std::path::Path;
use std::sync::Arc;

use halogard_app::ports::{
    LedgerStore, Marks, PortError, Revision, SecretInfo, SecretVersion, Stage, Stored, Swap, Vault,
    VaultError,
};
use halogard_domain::FailureClass;
use halogard_domain::budget::Ledger;
use secrecy::{ExposeSecret as _, SecretString};

use super::words::{Answer, Ask, Failure, described, stored, version};

#[cfg(unix)]
mod line {
    //! The connection.

    use std::io;
    use std::path::Path;

    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::UnixStream;

    use crate::lend::{LINE_BYTES_MAX, SOCKET};

    /// A connection to `serve`.
    pub struct Line(BufReader<UnixStream>);

    impl Line {
        /// Calls the `serve` whose data folder this is.
        pub async fn call(folder: &Path) -> io::Result<Self> {
            let stream = UnixStream::connect(folder.join(SOCKET)).await?;
            Ok(Self(BufReader::new(stream)))
        }

        /// Sends one line, and brings the one that answers it.
        pub async fn exchange(&mut self, mut line: Vec<u8>) -> io::Result<String> {
            line.push(b'\n');
            self.0.get_mut().write_all(&line).await?;
            let mut answer = String::new();
            let mut limited = (&mut self.0).take(LINE_BYTES_MAX);
            if limited.read_line(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(answer)
        }
    }
}

#[cfg(not(unix))]
mod line {
    //! Nothing of the kind is lent here.

    use std::io;
    use std::path::Path;

    /// No connection.
    pub struct Line;

    impl Line {
        /// Fails: there are no sockets in folders here.
        pub async fn call(_folder: &Path) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Never called.
        pub async fn exchange(&mut self, _line: Vec<u8>) -> io::Result<String> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

/// The vault, marks and request budget of a `serve` that runs. Cheap to clone; all clones share one
/// connection.
#[derive(Clone)]
pub struct Borrowed(Arc<tokio::sync::Mutex<line::Line>>);

/// The connection to `serve` failed. What was asked for last may have been done; every request may
/// be repeated.
#[derive(Debug, thiserror::Error)]
#[error("`halogard serve`, which holds the store, does not answer; give the command again")]
struct Lost(#[source] io::Error);

impl Borrowed {
    /// Borrows from the `serve` whose data folder this is.
    pub async fn from(folder: &Path) -> io::Result<Self> {
        let line = line::Line::call(folder).await?;
        Ok(Self(Arc::new(tokio::sync::Mutex::new(line))))
    }

    /// Asks, and brings the answer.
    async fn ask(&self, ask: &Ask) -> Result<Answer, Failure> {
        let failed = |error| Failure::from(lost(error));
        let line = serde_json::to_vec(ask).map_err(|error| failed(error.into()))?;
        let answered = self.0.lock().await.exchange(line).await.map_err(failed)?;
        match serde_json::from_str(&answered).map_err(|error| failed(error.into()))? {
            Answer::Failed(failure) => Err(failure),
            answer => Ok(answer),
        }
    }

    /// Asks for something that is done or not.
    async fn have_done(&self, ask: &Ask) -> Result<(), Failure> {
        match self.ask(ask).await? {
            Answer::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

/// The connection failed.
fn lost(error: io::Error) -> PortError {
    PortError::new(FailureClass::Transient, "store.lent").caused_by(Lost(error))
}

/// The answer belongs to another question.
fn unexpected() -> Failure {
    lost(io::ErrorKind::InvalidData.into()).into()
}

impl Vault for Borrowed {
    async fn describe(&self, name: &str) -> Result<Option<SecretInfo>, VaultError> {
        let ask = Ask::Describe {
            name: name.to_owned(),
        };
        match self.ask(&ask).await {
            Ok(Answer::Described { versions, rotates }) => Ok(described(versions, rotates)),
            Ok(_) => Err(unexpected().of_vault(name, "")),
            Err(failure) => Err(failure.of_vault(name, "")),
        }
    }

    async fn read(&self, name: &str, stage: Stage) -> Result<Option<SecretVersion>, VaultError> {
        let ask = Ask::Read {
            name: name.to_owned(),
            stage: stage.into(),
        };
        match self.ask(&ask).await {
            Ok(Answer::Version { found }) => Ok(found.map(version)),
            Ok(_) => Err(unexpected().of_vault(name, "")),
            Err(failure) => Err(failure.of_vault(name, "")),
        }
    }

    async fn put(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
        stage: Stage,
    ) -> Result<(), VaultError> {
        let ask = Ask::Put {
            name: name.to_owned(),
            version: version.to_owned(),
            value: value.expose_secret().to_owned(),
            stage: stage.into(),
        };
        let done = self.have_done(&ask).await;
        done.map_err(|failure| failure.of_vault(name, version))
    }

    async fn promote(&self, name: &str, version: &str) -> Result<(), VaultError> {
        let ask = Ask::Promote {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        let done = self.have_done(&ask).await;
        done.map_err(|failure| failure.of_vault(name, version))
    }
}

impl Marks for Borrowed {
    async fn mark(&self, name: &str) -> Result<Option<i64>, PortError> {
        let ask = Ask::Mark {
            name: name.to_owned(),
        };
        match self.ask(&ask).await.map_err(Failure::of_port)? {
            Answer::Marked { value } => Ok(value),
            _ => Err(unexpected().of_port()),
        }
    }

    async fn set_mark(&self, name: &str, value: i64) -> Result<(), PortError> {
        let ask = Ask::SetMark {
            name: name.to_owned(),
            value,
        };
        self.have_done(&ask).await.map_err(Failure::of_port)
    }
}

impl LedgerStore for Borrowed {
    async fn load_ledger(&self) -> Result<Stored<Ledger>, PortError> {
        match self.ask(&Ask::Ledger).await.map_err(Failure::of_port)? {
            Answer::Ledger {
                ledger, revision, ..
            } => Ok(stored(ledger, revision)),
            _ => Err(unexpected().of_port()),
        }
    }

    async fn swap_ledger(&self, ledger: &Ledger, revision: Revision) -> Result<Swap, PortError> {
        let ask = Ask::SwapLedger {
            ledger: ledger.clone(),
            revision: revision.0,
        };
        match self.ask(&ask).await.map_err(Failure::of_port)? {
            Answer::Ledger {
                ledger,
                revision,
                lost: true,
            } => Ok(Swap::Lost(stored(ledger, revision))),
            Answer::Ledger { revision, .. } => Ok(Swap::Done(Revision(revision))),
            _ => Err(unexpected().of_port()),
        }
    }
}
