//! Runs the program in an empty directory with a clean environment.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use super::{postgres, wait_for};

/// A temporary working directory and the environment of the programs that run in it.
pub(crate) struct Sandbox {
    program: PathBuf,
    directory: TempDir,
    settings: BTreeMap<String, String>,
}

/// The exit status and output of a program that has ended.
pub(crate) struct ProgramOutput {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ProgramOutput {
    /// Asserts success and returns standard output.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
        self.stdout
    }

    /// Asserts that the program failed with exactly one line on standard error, and returns it.
    #[track_caller]
    pub(crate) fn error_line(self) -> String {
        assert!(!self.status.success(), "{}", self.stdout);
        assert!(self.status.code().is_some(), "{} {}", self.status, self.stderr);
        assert_eq!(self.stdout, "");
        assert_eq!(self.stderr.lines().count(), 1, "{:?}", self.stderr);
        self.stderr
    }
}

impl Sandbox {
    /// Uses only these environment variables, none of the machine's. `RATE_LIMIT` defaults to `off`, because tests send
    /// more requests than sites do.
    pub(crate) fn new<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let directory = TempDir::with_prefix("posts-api-test-").unwrap();
        let settings = [("RATE_LIMIT", "off")].into_iter().chain(settings);
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { program: env!("CARGO_BIN_EXE_posts-api").into(), directory, settings }
    }

    /// Replaces the program under test, for example with the previous release.
    pub(crate) fn with_program(self, program: PathBuf) -> Self {
        Self { program, ..self }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The names of the files in the directory, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.directory.path()).env_clear().envs(&self.settings);
        command
    }

    /// Runs the program and waits for its exit.
    pub(crate) fn run(&self, arguments: &[&str]) -> ProgramOutput {
        self.run_with_input(arguments, "")
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> ProgramOutput {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        // Written from a thread: if both pipes fill up, the program and the test would wait for each other.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        ProgramOutput { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs a shell command in the directory. The program and the PostgreSQL tools are on its `PATH`.
    pub(crate) fn shell(&self, line: &str) -> ProgramOutput {
        let program = self.program.parent().unwrap().to_owned();
        let databases = postgres::bin_directory().unwrap_or_default();
        let path = std::env::join_paths([program, databases, "/usr/bin".into(), "/bin".into()]).unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-ec", line])
            .current_dir(self.directory.path())
            .env_clear()
            .envs(&self.settings)
            .env("PATH", path);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        ProgramOutput { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Starts it as a server, which [`Process::base`] waits for.
    pub(crate) fn start(&self, name: &str, arguments: &[&str]) -> Process {
        self.spawn(name, arguments, Stdio::null())
    }

    /// Starts the program with an open standard input, which closes when the returned handle is dropped.
    pub(crate) fn start_with_input(&self, name: &str, arguments: &[&str]) -> (Process, ChildStdin) {
        let mut running = self.spawn(name, arguments, Stdio::piped());
        let stdin = running.child.stdin.take().unwrap();
        (running, stdin)
    }

    /// Starts the program with other outputs than files. `None` is a file, which [`Process`] reads.
    pub(crate) fn start_with_outputs(&self, name: &str, stdout: Option<Stdio>, stderr: Option<Stdio>) -> Process {
        self.spawn_with_outputs(name, &[], Stdio::null(), stdout, stderr)
    }

    fn spawn(&self, name: &str, arguments: &[&str], stdin: Stdio) -> Process {
        self.spawn_with_outputs(name, arguments, stdin, None, None)
    }

    fn spawn_with_outputs(
        &self,
        name: &str,
        arguments: &[&str],
        stdin: Stdio,
        stdout: Option<Stdio>,
        stderr: Option<Stdio>,
    ) -> Process {
        let file = |stream: &str| {
            let path = self.path(&format!("{name}.{stream}"));
            let file = Stdio::from(File::create(&path).unwrap());
            (path, file)
        };
        let ((stdout_path, stdout_file), (stderr_path, stderr_file)) = (file("stdout"), file("stderr"));
        let mut command = self.command(arguments);
        command.stdin(stdin).stdout(stdout.unwrap_or(stdout_file)).stderr(stderr.unwrap_or(stderr_file));
        Process { child: command.spawn().unwrap(), stdout: stdout_path, stderr: stderr_path }
    }
}

/// A running program, killed when dropped.
pub(crate) struct Process {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    pub(crate) fn stdout(&self) -> String {
        std::fs::read_to_string(&self.stdout).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    /// Waits until the server logs its address, and returns it as `http://127.0.0.1:PORT`.
    pub(crate) async fn base_url(&mut self) -> String {
        self.logged_address("listening on").await
    }

    /// The same for the admin listener.
    pub(crate) async fn admin_base_url(&mut self) -> String {
        self.logged_address("serving metrics on").await
    }

    async fn logged_address(&mut self, before: &str) -> String {
        let before = format!("{before} http://");
        let address = wait_for("the server to listen", async || {
            assert!(self.child.try_wait().unwrap().is_none(), "the server exited: {}", self.stderr());
            let log = self.stderr();
            let (_, rest) = log.split_once(&before)?;
            let (address, _) = rest.split_once(|end: char| !end.is_ascii_digit() && !".:".contains(end))?;
            Some(address.to_owned())
        });
        format!("http://{}", address.await)
    }

    /// The number of open file descriptors.
    #[cfg(target_os = "linux")]
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// The resident memory in bytes: current and peak.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kibibytes = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        (kibibytes("VmRSS:") * 1024, kibibytes("VmHWM:") * 1024)
    }

    /// Whether the program handles SIGTERM, which otherwise ends it.
    #[cfg(target_os = "linux")]
    pub(crate) fn handles_sigterm(&self) -> bool {
        const SIGTERM_BIT: u64 = 1 << 14;
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() & SIGTERM_BIT != 0
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends SIGKILL and waits for the exit.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The exit status, if the program has ended.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Stops the server and returns its log. While the server runs, the log may lack the last lines.
    pub(crate) async fn final_log(&mut self) -> String {
        self.signal("TERM");
        assert!(self.wait_for_exit().await.success(), "{}", self.stderr());
        self.stderr()
    }

    pub(crate) async fn wait_for_exit(&mut self) -> ExitStatus {
        wait_for("the server to exit", async || self.child.try_wait().unwrap()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if the process has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
