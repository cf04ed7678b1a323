# How the installation is doing (/system)

nav-system = System health
nav-help = Help

system-title = System health
system-failed = Failed jobs
system-waiting = Waiting jobs
system-held = Mail waiting for release
system-errors = Errors (since start)
system-warnings = Warnings (since start)
system-none = None
system-look = Please look
system-busy = Running in turn
system-checks = Checks
system-check = Check
system-check-ok = Fine
system-check-bad = Wrong
system-check-database = Database
system-check-jobs = Running of jobs
system-check-breached-passwords = List of breached passwords
system-found-error = It could not be checked ({ $detail })
system-found-database = It answers
system-found-jobs = { $waiting } waiting, { $running } running, { $failed } given up
system-found-jobs-stuck = { $count ->
    [one] One job has
   *[other] { $count } jobs have
} waited for more than an hour. See that mamori serve runs with the role jobs.
system-found-breached-none = No list
system-found-breached = A list of { $bytes } bytes
system-found-breached-unreadable = The list of breached passwords { $path } cannot be read ({ $detail }). Check the file and its permissions.
system-found-breached-form = In the list of breached passwords { $path } the line at byte { $offset } is neither a SHA-1 in capitals (40 hexadecimal digits) nor SHA-1:count. Mend it or take the file away.
system-found-breached-not-sorted = The list of breached passwords { $path } is not sorted (line at byte { $offset }). Sort it with LC_ALL=C sort.
system-state = State
system-detail = Detail
system-schedules = Schedules
system-job = Job
system-rule = When
system-next = Next
system-last = Last
system-storage = Storage
system-database = Database
system-blobs = Stored files
system-blobs-are = { $count } files, { $size }
system-disk = Free disk
system-disk-low = Only { $free } of disk is free. Delete files that are not needed or add room: without it no record can be written.
system-unknown = Unknown
system-chains = Evidence ledgers
system-chain = Ledger
system-records = Records
system-no-chain = There are no records yet.
system-versions = Versions
system-program = Mamori
system-migrations = Migrations
system-migrations-all = Migrations applied
system-count = { $count }
system-minutes = { $count } min
system-run-late = Ran late
system-left-out = Left out (the next run stands in for it)

rule-every = every { $minutes } minutes
rule-daily = daily at { $at }
rule-open-days = on office days at { $at }

jobs-title = Jobs
jobs-lead = Failed jobs are also in the ledger as job.failed. Rows of finished jobs are deleted after 35 days.
jobs-failed = Failed and cancelled
jobs-waiting = Running and waiting
jobs-none = No job has failed or is waiting. One that fails is shown here with the reason and a button to try again. What runs next stands under “System health”.
jobs-any-state = Every state
jobs-words = Job or content
jobs-kind = Key
jobs-ended-or-when = Runs or ended
jobs-missed = Scheduled runs that came late
jobs-no-missed = No scheduled run came late. What was due while the system stood still is shown here.
jobs-attempts = Attempts
jobs-error = Last failure
jobs-act = Action
jobs-planned = Planned
jobs-late = Late by

job-state-queued = Waiting
job-state-running = Running
job-state-held = To be released
job-state-done = Done
job-state-failed = Failed
job-state-cancelled = Cancelled
job-do-now = Run now
job-do-retry = Try again
job-do-cancel = Cancel
job-do-release = Send
job-did-retry = It will be tried again.
job-did-cancel = Cancelled.
job-did-release = It is on its way.
job-elsewhere = This job is not there, or its state has changed meanwhile.

job-notify-mail = Sending mail
job-notify-webhook = Sending a webhook
job-ledger-daily-head = Notice of the ledger's head
job-runtime-prune-jobs = Pruning finished jobs
job-deadline-remind = Reminders of dates
job-web-prune-audit-read = Old access records cleared
job-webhook-follow = Webhooks followed up
job-office-expiry = Notices of what ends
job-document-prepare = Drafting papers
job-document-remind = Reminders of deadlines
job-contract-save-state = Saving verdicts

mail-title = Mail
mail-relay = Sent through { $host } from { $from }.
mail-no-relay = No relay is configured: nothing leaves this machine, mail is kept in mail/ of the data directory.
mail-none = There is no mail yet. Reminders, invitations and the like are listed here once there are any.
mail-words = Subject or recipient
mail-subject = Subject
mail-to = To
mail-queued = Written

logs-title = Warnings and errors
logs-lead = The newest 500 lines since the program started. Secret values and the names in mail addresses are covered.
logs-none = No warnings, no errors. They are shown here when they come up, the newest first.
logs-at = Time
logs-level = Level
logs-text = Text
logs-error = Error
logs-warning = Warning
