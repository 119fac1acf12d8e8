//! The side of `serve`.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use halogard_app::ports::{LedgerStore, Marks, Revision, Vault};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tracing::{info, warn};

use super::words::{Answer, Ask, Failure, swapped};
use super::{LINE_BYTES_MAX, SOCKET};

/// Whoever runs the machine may open everything on it anyway.
const ROOT: u32 = 0;

/// Pause after a connection could not be taken, as when there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Lends `store`, which lies in `folder`, for as long as it is awaited. A folder in which no socket
/// can be made costs that alone: commands then ask for `serve` to be stopped.
pub async fn lend<S>(store: S, folder: &Path)
where
    S: Vault + Marks + LedgerStore + Clone + 'static,
{
    let path = folder.join(SOCKET);
    let (listener, owner) = match listen(folder, &path) {
        Ok(listening) => listening,
        Err(error) => {
            warn!(
                %error,
                "no socket can be made in the data folder; `halogard rotate` needs this process \
                 to be stopped"
            );
            return;
        }
    };
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "a command could not be let in");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let allowed = stream
            .peer_cred()
            .is_ok_and(|peer| peer.uid() == owner || peer.uid() == ROOT);
        if !allowed {
            warn!("somebody else's process was not let in");
            continue;
        }
        let store = store.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(&store, stream).await {
                info!(%error, "a command broke off");
            }
        });
    }
}

/// Listens at `path`, for the owner of `folder`. Whoever holds the store's lock is the only one who
/// may, so a socket that is there was left behind.
fn listen(folder: &Path, path: &Path) -> io::Result<(UnixListener, u32)> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    // The socket is ours, whoever the folder belongs to.
    let owner = fs::metadata(path)?.uid();
    tracing::debug!(folder = %folder.display(), "lends the vault to commands of this user");
    Ok((listener, owner))
}

/// Answers one command until it goes.
async fn converse<S>(store: &S, stream: UnixStream) -> io::Result<()>
where
    S: Vault + Marks + LedgerStore,
{
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = String::new();
        let mut limited = (&mut read).take(LINE_BYTES_MAX);
        if limited.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer = match serde_json::from_str(&line) {
            Ok(ask) => answer(store, ask).await.unwrap_or_else(Answer::Failed),
            Err(_) => Answer::Failed(Failure::Store {
                reason: "serve does not know what was asked; use the same version of the program \
                         for both"
                    .to_owned(),
            }),
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        write.write_all(&line).await?;
    }
}

/// Does what is asked.
async fn answer<S>(store: &S, ask: Ask) -> Result<Answer, Failure>
where
    S: Vault + Marks + LedgerStore,
{
    Ok(match ask {
        Ask::Describe { name } => store.describe(&name).await?.into(),
        Ask::Read { name, stage } => store.read(&name, stage.into()).await?.into(),
        Ask::Put {
            name,
            version,
            value,
            stage,
        } => {
            let value = value.into();
            store.put(&name, &version, &value, stage.into()).await?;
            Answer::Done
        }
        Ask::Promote { name, version } => {
            store.promote(&name, &version).await?;
            Answer::Done
        }
        Ask::Mark { name } => Answer::Marked {
            value: store.mark(&name).await?,
        },
        Ask::SetMark { name, value } => {
            store.set_mark(&name, value).await?;
            Answer::Done
        }
        Ask::Ledger => store.load_ledger().await?.into(),
        Ask::SwapLedger { ledger, revision } => {
            let swap = store.swap_ledger(&ledger, Revision(revision)).await?;
            swapped(swap, ledger)
        }
    })
}
