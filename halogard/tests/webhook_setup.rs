//! `webhook install`, `status`, `test` and `log` against the simulated HaloPSA.
mod support;

use support::{Bench, SOON, wait_until};

#[test]
fn the_webhook_is_installed_once_tried_and_listed() {
    let mut bench = Bench::new();
    let serve = bench.serve();
    let base_url = serve.base_url.clone();
    bench.set("HALOGARD_PUBLIC_URL", &base_url);

    let absent = bench.operate("webhook status");
    assert_eq!(absent.status.code(), Some(1), "{absent:?}");
    assert!(
        absent.stdout.contains("no webhook with our address"),
        "{absent:?}"
    );
    let refused = bench.operate("webhook install");
    assert!(refused.stderr.contains("pass --yes"), "{refused:?}");

    let installed = bench.operate("webhook install --yes");
    assert_eq!(installed.status.code(), Some(0), "{installed:?}");
    assert!(
        installed.stdout.contains("bound to every event"),
        "{installed:?}"
    );
    let again = bench.operate("webhook install --yes");
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert!(!again.stdout.contains("done:"), "{again:?}");

    let tried = bench.operate("webhook test");
    assert_eq!(tried.status.code(), Some(0), "{tried:?}");
    assert!(tried.stdout.contains("delivered its test"), "{tried:?}");
    wait_until("the test to be counted as one", SOON, || {
        let status = bench.operate("status").stdout;
        assert!(!status.contains("does not know"), "{status}");
        status.contains("webhook_test 1").then_some(())
    });
    let log = bench.ask("webhook log");
    assert!(!log["deliveries"].as_array().unwrap().is_empty(), "{log}");

    // Nothing that is printed holds the token, but for the command whose purpose it is.
    for ended in [&absent, &installed, &again, &tried] {
        let printed = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!printed.contains(support::TOKEN), "{ended:?}");
    }
    let url = bench.ask("webhook url");
    assert!(url["url"].as_str().unwrap().ends_with(support::TOKEN));
    serve.process.kill();
    let silent = bench.operate("webhook test");
    assert_eq!(silent.status.code(), Some(1), "{silent:?}");
    assert!(silent.stdout.contains("was not accepted"), "{silent:?}");
}
