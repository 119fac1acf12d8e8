//! What a person needs who deploys the stack or operates it: with each statement of the documented policies its
//! calls are allowed, without it they are denied.

use std::path::Path;

use halogard_emulator::{Emulator, Options};
use serde_json::{Value, json};

use crate::aws_cli::AwsCli;

/// What AWS answers to a call that is not permitted, by the service.
const DENIED: [&str; 3] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
];

/// The stack that the policies are about.
const STACK: &str = "trial";

/// What the emulator does not distinguish: the service that a role is passed to, and the resources of some calls.
const NOT_TRIED: [&str; 3] = [
    "PassTheRoles",
    "ConnectQueuesAndFunctions",
    "MakeTheAlarmsAndTheDashboard",
];

/// An account with the resources that calls are about.
struct Account {
    emulator: Emulator,
    aws: AwsCli,
    /// What replaces the words in capitals in a policy.
    words: Vec<(String, String)>,
}

/// A call, and the statement that allows it.
type Probe = (&'static str, &'static str, &'static str, Value);

impl Account {
    async fn prepare() -> Self {
        let emulator = Emulator::start(Options { auth: true }).await.unwrap();
        let account = emulator.account();
        let aws = AwsCli::new(&emulator, &account);
        let mut words = vec![
            ("REGION".to_owned(), halogard_emulator::REGION.to_owned()),
            ("ACCOUNT".to_owned(), account.clone()),
            ("STACK".to_owned(), STACK.to_owned()),
            ("TABLE".to_owned(), format!("{STACK}-table")),
        ];
        for queue in ["URGENT", "BULK", "RUNS"] {
            for kind in ["QUEUE", "DEAD_LETTERS"] {
                let name = format!("{STACK}-{queue}-{kind}");
                aws.call("sqs", "create_queue", json!({"QueueName": name}))
                    .await;
                let arn = format!("arn:aws:sqs:{}:{account}:{name}", halogard_emulator::REGION);
                words.push((format!("{queue}_{kind}_ARN"), arn));
            }
        }
        for secret in ["WEBHOOK", "HALOPSA", "LIONGARD"] {
            let arguments = json!({"Name": format!("{STACK}-{secret}"), "SecretString": "{}"});
            let made = aws.call("secretsmanager", "create_secret", arguments).await;
            let arn = made["ARN"].as_str().unwrap().to_owned();
            words.push((format!("{secret}_SECRET_ARN"), arn));
        }
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let text = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
        let table = json!({
            "TableName": format!("{STACK}-table"),
            "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
            "AttributeDefinitions": [text("pk"), text("sk")],
            "BillingMode": "PAY_PER_REQUEST",
        });
        aws.call("dynamodb", "create_table", table).await;
        // The longest first: some words begin with others.
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        Self {
            emulator,
            aws,
            words,
        }
    }

    /// What replaces `word`.
    fn word(&self, word: &str) -> String {
        let found = self.words.iter().find(|(known, _)| known == word);
        found.unwrap().1.clone()
    }

    /// The address of a queue.
    async fn queue(&self, kind: &str) -> Value {
        let name = json!({"QueueName": format!("{STACK}-URGENT-{kind}")});
        let found = self.aws.call("sqs", "get_queue_url", name).await;
        found["QueueUrl"].clone()
    }

    /// The policy in `docs/aws/FILE`, for this account.
    fn policy(&self, file: &str) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/aws");
        let mut text = std::fs::read_to_string(path.join(file)).unwrap();
        for (word, value) in &self.words {
            text = text.replace(word, value);
        }
        serde_json::from_str(&text).unwrap()
    }

    /// Tries every probe as a person with the policy in `file`, and with the policy without its statement.
    async fn hold(&self, file: &str, probes: Vec<Probe>) {
        let policy = self.policy(file);
        let user = json!({"UserName": file});
        self.aws.call("iam", "create_user", user.clone()).await;
        let made = self.aws.call("iam", "create_access_key", user).await;
        let key = &made["AccessKey"];
        let person = AwsCli::with_key(
            &self.emulator,
            key["AccessKeyId"].as_str().unwrap(),
            key["SecretAccessKey"].as_str().unwrap(),
        );
        let mut left: Vec<&str> = policy["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .map(|statement| statement["Sid"].as_str().unwrap())
            .filter(|sid| !NOT_TRIED.contains(sid))
            .collect();
        let tried = left.len();
        for (sid, service, call, arguments) in probes {
            let mut less = policy.clone();
            let statements = less["Statement"].as_array_mut().unwrap();
            statements.retain(|statement| statement["Sid"] != sid);
            for (document, is_allowed) in [(&policy, true), (&less, false)] {
                let put = json!({
                    "UserName": file,
                    "PolicyName": "person",
                    "PolicyDocument": document.to_string(),
                });
                self.aws.call("iam", "put_user_policy", put).await;
                let answer = person.ask(service, call, arguments.clone()).await;
                let is_denied = answer
                    .as_ref()
                    .is_err_and(|code| DENIED.contains(&code.as_str()));
                assert_eq!(!is_denied, is_allowed, "{file}, {sid}, {call}: {answer:?}");
            }
            left.retain(|known| *known != sid);
        }
        assert!(left.is_empty(), "{file}: not tried: {left:?}");
        println!("{file}: {tried} statements taken away in turn");
    }
}

#[tokio::test]
async fn the_operators_policy_allows_what_the_commands_do_and_each_statement_is_needed() {
    let account = Account::prepare().await;
    let item = |partition: &str| {
        let key = json!({"pk": {"S": partition}, "sk": {"S": "1"}});
        json!({"TableName": account.word("TABLE"), "Key": key})
    };
    let secret = account.word("HALOPSA_SECRET_ARN");
    let (queue, letters) = (
        account.queue("QUEUE").await,
        account.queue("DEAD_LETTERS").await,
    );
    let probes = vec![
        (
            "FindTheStack",
            "cloudformation",
            "describe_stacks",
            json!({"StackName": STACK}),
        ),
        (
            "ReadTheCredentials",
            "secretsmanager",
            "get_secret_value",
            json!({"SecretId": secret}),
        ),
        (
            "StoreAndRotateCredentials",
            "secretsmanager",
            "put_secret_value",
            json!({"SecretId": secret, "SecretString": "{}"}),
        ),
        (
            "ReadAndApplyTheConfig",
            "dynamodb",
            "get_item",
            item("config"),
        ),
        (
            "ShareBudgetAndTokens",
            "dynamodb",
            "delete_item",
            item("lease"),
        ),
        (
            "ReadPairsAndTheirJournal",
            "dynamodb",
            "get_item",
            item("link"),
        ),
        (
            "PauseLinkAndRecord",
            "dynamodb",
            "delete_item",
            item("pause"),
        ),
        (
            "LookAtQueues",
            "sqs",
            "get_queue_attributes",
            json!({"QueueUrl": queue, "AttributeNames": ["All"]}),
        ),
        (
            "ReadAndDiscardDeadLetters",
            "sqs",
            "receive_message",
            json!({"QueueUrl": letters}),
        ),
        (
            "QueueWorkAgain",
            "sqs",
            "send_message",
            json!({"QueueUrl": queue, "MessageBody": "{}"}),
        ),
    ];
    account.hold("operator-policy.json", probes).await;
}

#[tokio::test]
async fn the_deployers_policy_allows_what_a_deployment_does_and_each_statement_is_needed() {
    let account = Account::prepare().await;
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }]});
    let probes = vec![
        (
            "DeployTheStack",
            "cloudformation",
            "describe_stacks",
            json!({"StackName": STACK}),
        ),
        (
            "ValidateTheTemplate",
            "cloudformation",
            "validate_template",
            json!({"TemplateBody": "{}"}),
        ),
        (
            "UploadTheCode",
            "s3",
            "create_bucket",
            json!({"Bucket": "aws-sam-cli-managed-default-samclisourcebucket"}),
        ),
        (
            "MakeTheRoles",
            "iam",
            "create_role",
            json!({"RoleName": "trial-role", "AssumeRolePolicyDocument": trust.to_string()}),
        ),
        (
            "MakeTheFunctions",
            "lambda",
            "get_function_configuration",
            json!({"FunctionName": "trial-function"}),
        ),
        (
            "MakeTheQueues",
            "sqs",
            "create_queue",
            json!({"QueueName": "trial-queue"}),
        ),
        (
            "MakeTheTable",
            "dynamodb",
            "describe_table",
            json!({"TableName": account.word("TABLE")}),
        ),
        (
            "MakeTheSecrets",
            "secretsmanager",
            "describe_secret",
            json!({"SecretId": account.word("WEBHOOK_SECRET_ARN")}),
        ),
        (
            "GenerateTheWebhookToken",
            "secretsmanager",
            "get_random_password",
            json!({}),
        ),
        (
            "MakeTheSchedules",
            "scheduler",
            "get_schedule",
            json!({"Name": "trial-schedule"}),
        ),
        (
            "MakeTheTopic",
            "sns",
            "create_topic",
            json!({"Name": "trial-topic"}),
        ),
        (
            "MakeTheLogGroups",
            "logs",
            "create_log_group",
            json!({"logGroupName": "/aws/lambda/trial-function"}),
        ),
        ("FindLogGroups", "logs", "describe_log_groups", json!({})),
        ("MakeTheHttpApi", "apigatewayv2", "get_apis", json!({})),
        (
            "DeliverItsAccessLog",
            "logs",
            "describe_resource_policies",
            json!({}),
        ),
    ];
    account.hold("deployer-policy.json", probes).await;
}
