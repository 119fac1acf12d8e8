//! How the answers about files, secrets and addresses look: those of `backup`, `restore`, `rotate`, `config show|check|init`,
//! `notify set`, `webhook url`, and of an audit without entries.

use std::path::{Path, PathBuf};

use halogard_domain::policy::Mode;
use halogard_operations::audit::{self, AuditFilter};

use super::filled::{NOW, empty_store};
use super::{json_looks, looks, used_store};
use crate::commands;
use crate::commands::backup::{self, BackedUp, Restored};
use crate::commands::config::versions::ShownConfig;
use crate::commands::config::{self, NewConfig, ValidConfig};
use crate::commands::notify::{self, ChannelSecret, StoredSecret};
use crate::commands::rotate::{RotateAnswer, RotateState};
use crate::commands::webhook::UrlAnswer;

#[test]
fn copies_of_the_store_look_as_before() {
    let file = PathBuf::from("/var/backups/halogard-2026-05-02.db");
    let with_key = BackedUp {
        key: Some("/var/backups/halogard-2026-05-02.db.key".into()),
        file: file.clone(),
    };
    looks("backup_with_key", &with_key, backup::write_backup);
    let alone = BackedUp { file, key: None };
    looks("backup", &alone, backup::write_backup);
    let folder = PathBuf::from("/var/lib/halogard");
    let replaced = Restored {
        former: Some(folder.join("halogard.db-before-1777716000000")),
        folder: folder.clone(),
    };
    looks("restore_replaced", &replaced, backup::write_restore);
    let former = None;
    looks(
        "restore",
        &Restored { folder, former },
        backup::write_restore,
    );
}

#[test]
fn config_files_look_as_before() {
    let file = Path::new("/etc/halogard/halogard.toml");
    let mode = Mode::Managed;
    looks("config_init", &NewConfig { file, mode }, config::write_new);
    let valid = ValidConfig {
        file,
        templates: 2,
        rules: 1,
        environments: 41,
        warnings: vec!["[templates.spare] is used by no rule and no environment".to_owned()],
    };
    looks("config_check", &valid, config::write_valid);
    let shown = ShownConfig {
        version: Some(7),
        text: "mode = \"managed\"\n".to_owned(),
    };
    // Without --json it is the file, byte for byte.
    json_looks("config_show", &shown);
}

#[test]
fn secrets_and_addresses_look_as_before() {
    for (name, secret) in [
        ("notify_set_chat", ChannelSecret::ChatUrl),
        ("notify_set_mail", ChannelSecret::MailPassword),
    ] {
        looks(name, &StoredSecret::of(secret), |_, page| {
            notify::write_stored(secret, page);
        });
    }
    // Without --json it says each step when it is done.
    let done = RotateAnswer {
        credential: "liongard",
        state: RotateState::Done,
        value: None,
    };
    json_looks("rotate", &done);
    let waits = RotateAnswer {
        credential: "webhook",
        state: RotateState::ActionRequired,
        value: Some("a-new-token".to_owned()),
    };
    json_looks("rotate_waits", &waits);
    let answer = UrlAnswer {
        url: "https://halogard.acme.test/webhooks/halopsa/token".to_owned(),
    };
    // Without --json it is the address, for a script.
    json_looks("webhook_url", &answer);
}

#[tokio::test]
async fn an_audit_without_entries_looks_as_before() {
    let (store, _folder) = empty_store();
    let all = AuditFilter::default();
    let answer = audit::list(&store, &all, NOW).await.unwrap();
    looks("audit_list_empty", &answer, commands::audit::write);
    let (store, _folder) = used_store().await;
    let filter = AuditFilter {
        actor: Some("grace".to_owned()),
        ..AuditFilter::default()
    };
    let answer = audit::list(&store, &filter, NOW).await.unwrap();
    looks(
        "audit_list_none_of_an_actor",
        &answer,
        commands::audit::write,
    );
}
