//! How requests of a site are inspected.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mamori_waf::RuleSet;

/// What the firewall does with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
pub enum WafMode {
    /// It does not look.
    #[default]
    Off,
    /// It looks and tells.
    Detect,
    /// It looks, tells and refuses.
    Block,
}

/// What happens with a body that is larger than what can be held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BeyondBuffer {
    /// It is passed on while it is being inspected, but its end is held back until the verdict. A
    /// refused request never becomes complete for the site behind.
    #[default]
    Withhold,
    /// It is refused with 413.
    Refuse,
}

/// What happens when no inspection is possible: all places are taken, or the inspection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overload {
    /// The request is refused with 503 (fail closed).
    #[default]
    Refuse,
    /// The request passes, and its record says that it was not inspected (fail open).
    Pass,
}

/// Another mode on a path and below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathMode {
    /// A path that begins with a slash.
    pub path: String,
    /// The mode there.
    pub mode: WafMode,
}

/// How requests of a site are inspected.
#[derive(Clone)]
pub struct FirewallPolicy {
    /// The rules, with the exclusions of this site compiled in.
    pub rules: Option<Arc<RuleSet>>,
    /// What is done with what is found.
    pub mode: WafMode,
    /// Other modes on some paths; the longest path counts. Paths that could mean another one
    /// (dot segments, encoded or doubled slashes) have the mode of the site, or a stricter one.
    pub paths: Vec<PathMode>,
    /// Bytes of a request body that are held back until the verdict.
    pub buffer: usize,
    /// What happens with larger bodies.
    pub beyond: BeyondBuffer,
    /// Bytes that a compressed body may unpack to.
    pub unpack_limit: u64,
    /// Whether answers are inspected too. The site behind is then asked for unpacked ones.
    pub responses: bool,
    /// Bytes of an answer that are held back for inspection; the rest passes.
    pub response_buffer: usize,
}

impl Default for FirewallPolicy {
    fn default() -> Self {
        Self {
            rules: None,
            mode: WafMode::Off,
            paths: Vec::new(),
            buffer: 256 * 1024,
            beyond: BeyondBuffer::default(),
            unpack_limit: 16 << 20,
            responses: false,
            response_buffer: 512 * 1024,
        }
    }
}

impl fmt::Debug for FirewallPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirewallPolicy")
            .field("rules", &self.rules.as_ref().map(|rules| rules.len()))
            .field("mode", &self.mode)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

impl FirewallPolicy {
    /// The mode for a path as it arrived.
    pub(crate) fn mode_on(&self, path: &str) -> WafMode {
        let here = self
            .paths
            .iter()
            .filter(|own| {
                path.strip_prefix(own.path.as_str()).is_some_and(|rest| {
                    rest.is_empty() || own.path.ends_with('/') || rest.starts_with('/')
                })
            })
            .max_by_key(|own| own.path.len())
            .map_or(self.mode, |own| own.mode);
        if is_plain(path) {
            here
        } else {
            here.max(self.mode)
        }
    }
}

/// Whether a path can mean only itself.
fn is_plain(path: &str) -> bool {
    !["/.", "//", "%", "\\", ";"]
        .iter()
        .any(|odd| path.contains(odd))
}

/// Where inspections run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspection {
    /// Inspections that run at the same time beside the traffic.
    pub threads: usize,
    /// Inspections that wait for a thread.
    pub queue: usize,
    /// Bytes of all bodies together that are held back for their verdict.
    pub memory: usize,
    /// What of it one client can have (an IPv4 address, an IPv6 /64).
    pub memory_of_client: usize,
    /// How long a body waits for it. Where one waits, the slowest clients lose theirs.
    pub wait: Duration,
    /// What happens when the queue or the memory is full.
    pub overload: Overload,
    /// Requests of at most this many bytes are inspected where they are: the way to another thread
    /// would cost more. The engine's work is linear in the bytes, so this bounds how long a worker
    /// is held.
    pub inline: usize,
}

impl Default for Inspection {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(2, usize::from),
            queue: 256,
            memory: 128 << 20,
            memory_of_client: 16 << 20,
            wait: Duration::from_secs(3),
            overload: Overload::Refuse,
            inline: 4096,
        }
    }
}
