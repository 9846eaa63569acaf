//! The whole product in one process, as a value.

use crate::api::Api;
use crate::aws::{Aws, AwsError, Call, Calls, Storage};
use crate::clock::ShiftedClock;
use crate::deployment::{DeployError, Deployment, deploy};
use crate::sandbox::{CallSink, Sandbox, World};
use crate::seed;
use crate::socket::{SocketLimits, Sockets};
use crate::sources::{Sources, run_schedule};
use crate::template::{Template, TemplateError};
use crate::tls::{self, SelfSigned};
use crate::upstreams::Upstreams;
use axum::Router;
use gateway::metrics::Metrics;
use gateway::{Config, ConfigError, Context, WorkerError};
use model::clock::Clock;
use model::secret::Secret;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Which vendors are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// The stand-ins of this process.
    Sandbox,
    /// The vendors' own hosts.
    Real,
}

/// What stands in the tables at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    /// The demo apps and people, with keys that everybody knows.
    Demo,
    /// Nothing.
    None,
}

/// How to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where the stand-ins, their inbox and their controls listen.
    pub sandbox_listen: SocketAddr,
    /// Where everything is kept; `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// Which vendors are called.
    pub upstream: Upstream,
    /// What stands in the tables at first.
    pub seed: Seed,
    /// How many more people follow demo app 1 and its topic [`seed::CROWD_TOPIC`].
    pub crowd: u64,
    /// Who exists at the stand-ins; `None` is the demo world and the crowd.
    pub world: Option<World>,
    /// How long after a template message the stand-in for WeChat tells how it ended; `None`: never.
    pub finish_after: Option<Duration>,
    /// How long the API waits for a function, as API Gateway and the functions' own timeouts do.
    pub api_timeout: Duration,
    /// Whether queues are worked; a test may want to do it by hand.
    pub pollers: bool,
    /// Whether schedules run; a test calls [`Stack::run_schedule`].
    pub schedules: bool,
    /// The queues' visibility timeout instead of the template's.
    pub visibility: Option<Duration>,
    /// When connections of the WebSocket API are closed.
    pub socket_limits: SocketLimits,
    /// The operator's token; without one nobody is let into `/admin`.
    pub admin_token: Option<Secret<String>>,
    /// Settings of the functions that are to differ from the template's.
    pub settings: BTreeMap<String, String>,
}

/// The operator's token of stacks for tests.
pub const TEST_ADMIN_TOKEN: &str = "AD_test0000000000000000000000000000";

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((LOOPBACK, 8080)),
            sandbox_listen: SocketAddr::from((LOOPBACK, 8081)),
            data: Some(PathBuf::from(".tuisong")),
            upstream: Upstream::Sandbox,
            seed: Seed::Demo,
            crowd: 0,
            world: None,
            finish_after: Some(crate::sandbox::FINISH_AFTER),
            api_timeout: crate::api::TIMEOUT,
            pollers: true,
            schedules: true,
            visibility: None,
            socket_limits: SocketLimits::default(),
            admin_token: None,
            settings: BTreeMap::new(),
        }
    }
}

impl Options {
    /// In memory, on free ports, schedules by hand: one stack per test.
    pub fn for_tests() -> Self {
        Self {
            listen: SocketAddr::from((LOOPBACK, 0)),
            sandbox_listen: SocketAddr::from((LOOPBACK, 0)),
            data: None,
            // What a test counts is what it did itself; those about ends of messages ask for them.
            finish_after: None,
            // A machine that runs many tests at once is slow; what a test says about time it measures itself.
            api_timeout: Duration::from_secs(60),
            schedules: false,
            admin_token: Some(Secret::new(TEST_ADMIN_TOKEN.to_owned())),
            ..Self::default()
        }
    }
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Options that do not go together.
    #[error("{0}")]
    Options(&'static str),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address with {option}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The option that changes it.
        option: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}: {source}", folder.display())]
    Data {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the data folder open.
    #[error("the data folder {} is in use by another process; stop it or choose another folder with --data", .0.display())]
    InUse(PathBuf),
    /// The stand-ins' certificate cannot be made.
    #[error("the certificate of the stand-ins cannot be made: {0}")]
    Certificate(#[source] io::Error),
    /// The local AWS does not start.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The template cannot be read.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The template cannot be deployed.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The functions' settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The route table contradicts itself.
    #[error("the route table contradicts itself: {0}")]
    Routes(#[from] matchit::InsertError),
    /// The seed cannot be written.
    #[error("the seed cannot be written: {}", gateway::error::causes(.0))]
    Seed(#[from] StoreError),
}

/// The running product.
pub struct Stack {
    url: String,
    sandbox_url: String,
    context: Arc<Context>,
    clock: Arc<ShiftedClock>,
    aws: Arc<Aws>,
    sandbox: Arc<Sandbox>,
    deployment: Deployment,
    sources: Option<Sources>,
    servers: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    /// Held while the folder is in use.
    _lock: Option<std::fs::File>,
}

const EVERY_HOUR: Duration = Duration::from_secs(3600);

/// How long requests and events under way are waited for at the stop.
const PATIENCE: Duration = Duration::from_millis(1200);

impl Stack {
    /// Starts everything. When this returns, requests are answered.
    pub async fn start(options: Options) -> Result<Self, StackError> {
        check(&options)?;
        let lock = options.data.as_deref().map(lock_folder).transpose()?;
        // Addresses first: that one is taken must be known before anything is written.
        let api = bind(options.listen, "--listen")?;
        let sandbox_listener = bind(options.sandbox_listen, "--sandbox-listen")?;
        let (url, sandbox_url) = (address(&api), address(&sandbox_listener));
        // Apple and Google are called over TLS only. Nobody needs to know the address: it changes with every start.
        let tls_listener = bind(SocketAddr::from((LOOPBACK, 0)), "--sandbox-listen")?;
        let tls_url = address(&tls_listener).replacen("http://", "https://", 1);
        let certificate = SelfSigned::generate().map_err(StackError::Certificate)?;

        let template = Template::read()?;
        let storage = options.data.clone().map_or(Storage::Memory, Storage::Folder);
        let aws = Arc::new(Aws::start(storage).await?);
        let deployment = deploy(&template, &aws, options.visibility).await?;
        let sink = Arc::new(Sink(aws.calls.clone()));
        let world = options.world.clone().unwrap_or_else(|| seed::world_with_crowd(options.crowd));
        let sandbox = Sandbox::open(world, options.data.clone(), sink)
            .map_err(|source| StackError::Data { folder: options.data.clone().unwrap_or_default(), source })?;

        sandbox.set_finish_after(options.finish_after);
        if let (Seed::Demo, Some(account)) = (options.seed, sandbox.wechat(seed::ACCOUNT)) {
            account.configure(seed::server_configuration(&url));
        }
        if options.seed == Seed::Demo {
            sandbox.report_huawei_to(format!("{url}/receipt/huawei/{}", seed::phones::RECEIPT_PATH));
        }

        let clock = Arc::new(ShiftedClock::default());
        let upstreams = Upstreams { plain: sandbox_url.clone(), secure: tls_url, root: certificate.root().to_owned() };
        let config = configure(&options, &deployment, &url, &upstreams)?;
        let context = Arc::new(Context::with(config, clock.clone(), Metrics::counted()));
        if options.seed == Seed::Demo {
            seed::demo(&context.store, clock.now()).await?;
            seed::crowd_once(&context.store, options.crowd, clock.now()).await?;
        }

        let (stop, stopping) = watch::channel(false);
        let sockets =
            Sockets::new(context.clone(), aws.connections.clone(), options.socket_limits, stopping.clone()).router();
        let mut servers = vec![
            tokio::spawn(remove_expired(aws.clone())),
            serve(api, Api::new(context.clone(), options.api_timeout)?.router().merge(sockets), stopping.clone()),
            tls::serve(tls_listener, certificate, &sandbox, stopping.clone()),
            serve(sandbox_listener, sandbox.router(), stopping),
        ];
        if options.data.is_some() {
            servers.push(tokio::spawn(recover(context.clone())));
        }
        let sources = options.pollers.then(|| Sources::start(&template, &deployment, &context, options.schedules));
        let stack =
            Self { url, sandbox_url, context, clock, aws, sandbox, deployment, sources, servers, stop, _lock: lock };
        Ok(stack)
    }

    /// Base URL of the API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where clients of the WebSocket API connect.
    pub fn socket_url(&self) -> String {
        format!("{}{}", self.url.replacen("http", "ws", 1), crate::socket::PATH)
    }

    /// Base URL of the stand-ins.
    pub fn sandbox_url(&self) -> &str {
        &self.sandbox_url
    }

    /// The context that every function of this process shares.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The store that every function of this process shares.
    pub fn store(&self) -> &Store {
        &self.context.store
    }

    /// The functions' clock.
    pub fn clock(&self) -> &ShiftedClock {
        &self.clock
    }

    /// The local AWS, with its counters and faults.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The stand-ins.
    pub const fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// What was deployed.
    pub const fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Runs a scheduled function once.
    pub async fn run_schedule(&self, name: &str, input: serde_json::Value) -> Result<(), WorkerError> {
        run_schedule(&self.context, name, input).await
    }

    /// Moves the functions' clock and the stand-ins' clock forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.sandbox.advance(by);
    }

    /// Stops within two seconds. What was accepted and not delivered is delivered after the next start.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Some(sources) = self.sources {
            sources.stop(PATIENCE).await;
        }
        for server in self.servers {
            // A connection that is held open from outside does not hold us up.
            server.abort();
            drop(server.await);
        }
        // Likewise a file that does not close: everything that was answered is on disk already.
        if let Ok(aws) = Arc::try_unwrap(self.aws) {
            drop(tokio::time::timeout(Duration::from_millis(500), aws.stop()).await);
        }
    }
}

/// The queues died with the last process; the tables know what is still to do. Beside the first requests: it reads what
/// was accepted lately, however much that is.
async fn recover(context: Arc<Context>) {
    if let Err(error) = run_schedule(&context, "release-due", serde_json::json!({ "recover": true })).await {
        tracing::error!(cause = gateway::error::causes(&error), "what was accepted before could not be looked through");
    }
}

/// DynamoDB's TTL, which removes what has expired some time after it has.
async fn remove_expired(aws: Arc<Aws>) {
    let mut timer = tokio::time::interval(EVERY_HOUR);
    loop {
        timer.tick().await;
        match aws.sweep_expired().await {
            Ok(removed) => tracing::info!(removed, "expired items removed"),
            Err(error) => tracing::warn!(%error, "expired items could not be removed"),
        }
    }
}

/// The demo seed's keys are public: it is for this machine and the stand-ins only.
fn check(options: &Options) -> Result<(), StackError> {
    if options.seed == Seed::None {
        return Ok(());
    }
    if !options.listen.ip().is_loopback() {
        return Err(StackError::Options(
            "the demo seed has keys that everybody knows, so it is not served beyond this machine; add --seed none, or listen on 127.0.0.1",
        ));
    }
    if options.upstream == Upstream::Real {
        return Err(StackError::Options(
            "the demo seed has keys that everybody knows, so it is not used with real vendors; add --seed none",
        ));
    }
    Ok(())
}

/// Connections that wait to be taken: thousands may come back at the same moment. The system may allow fewer.
const BACKLOG: u32 = 4096;

fn bind(address: SocketAddr, option: &'static str) -> Result<TcpListener, StackError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // As the library's own way of listening does: else a start soon after a stop finds the address taken.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| StackError::Listen { address, option, source })
}

fn address(listener: &TcpListener) -> String {
    listener.local_addr().map_or_else(|_| String::new(), |address| format!("http://{address}"))
}

/// Creates the folder, readable by its owner only, and locks it.
fn lock_folder(folder: &Path) -> Result<std::fs::File, StackError> {
    let failed = |source| StackError::Data { folder: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    restrict(folder).map_err(failed)?;
    let file = std::fs::File::create(folder.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StackError::InUse(folder.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(unix)]
fn restrict(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn restrict(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// The functions' settings: the template's, on this machine's addresses.
fn configure(
    options: &Options,
    deployment: &Deployment,
    url: &str,
    upstreams: &Upstreams,
) -> Result<Config, StackError> {
    let mut environment = deployment.environment.clone();
    environment.insert("TUISONG_PUBLIC_URL".to_owned(), url.to_owned());
    if options.upstream == Upstream::Sandbox {
        environment.extend(upstreams.settings().map(|(name, value)| (name.to_owned(), value)));
    }
    if let Some(token) = &options.admin_token {
        environment.insert("TUISONG_ADMIN_TOKEN_HASHES".to_owned(), sha256(token.expose()));
    }
    environment.extend(options.settings.clone());
    let (folder, _temporary) = match &options.data {
        Some(folder) => (folder.clone(), None),
        None => {
            let failed = |source| StackError::Data { folder: std::env::temp_dir(), source };
            let temporary = tempfile::tempdir().map_err(failed)?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    let key = key_file(&folder).map_err(|source| StackError::Data { folder: folder.clone(), source })?;
    environment.insert("TUISONG_KEY_FILE".to_owned(), key.to_string_lossy().into_owned());
    Ok(Config::read(&|name| environment.get(name).cloned())?)
}

/// SHA-256 in hex: the functions are told the hash of the operator's token, not the token.
fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file with the key that seals secrets; made at the first start.
fn key_file(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join("seal.key");
    if !path.exists() {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("the system has no randomness"))?;
        // Under another name first, so that a kill leaves no half a key.
        let fresh = folder.join("seal.key.new");
        std::fs::write(&fresh, key)?;
        std::fs::rename(&fresh, &path)?;
    }
    Ok(path)
}

fn serve(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let stopped = async move {
            // An error means that the stack is gone.
            drop(stopping.wait_for(|stop| *stop).await);
        };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "a server stopped");
        }
    })
}

/// Upstream calls are counted where AWS calls are.
struct Sink(Arc<Calls>);

impl CallSink for Sink {
    fn record(&self, service: &str, operation: &str, request_bytes: usize, response_bytes: usize) {
        self.0.record(Call {
            service,
            operation,
            request_bytes: request_bytes as u64,
            response_bytes: response_bytes as u64,
            ..Call::default()
        });
    }

    fn to_json(&self) -> serde_json::Value {
        self.0.to_json()
    }

    fn reset(&self) {
        self.0.reset();
    }
}
