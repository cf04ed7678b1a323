# Settings of a contract (/c/CONTRACT/settings)

nav-settings = Settings
nav-letters = Mail to the city

settings-title = Settings
settings-lead = Who gets mail about this contract, and when. A change takes effect at once and is recorded in the ledger (without the addresses).
settings-save = Save
settings-done = Settings saved.
settings-same = Nothing was changed.
settings-conflict = While you were typing somebody else changed this to “{ $value }”. To keep what you typed, press Save again.
settings-history = Last changed
settings-file = Configuration file
settings-file-lead = These are decided in the server's configuration file mamori.toml. To change them, edit the file and restart Mamori.
settings-file-what = What
settings-file-key = Key
settings-file-value = Now
setting-default = Default
setting-changed = { $at }, { $by }
setting-nobody = Nobody
setting-never = No reminders
setting-none = None

setting-mail-city = The city's mail addresses
setting-mail-city-help = Requests for approval and acceptance go here, and every day the head of the ledger. One address per line; left empty, nothing is sent.
setting-mail-city-release = How mail to the city is sent
setting-mail-city-release-help = The head of the ledger is sent at once in either case.
setting-mail-city-release-person = The manager reads it first
setting-mail-city-release-at-once = At once
setting-mail-contractor = The contractor's mail addresses
setting-mail-contractor-help = Told of dates, of what expires and of what the city did. One address per line.
setting-reminder-days = Reminders of due dates (days before)
setting-reminder-days-help = For example “7, 3, 1, 0”; 0 is the day itself. Left empty, only what is overdue is told.
setting-expiry-days = Reminders of what expires (days before)
setting-expiry-days-help = For attestations, assets and media, for example “60, 30, 7”.

config-listen = Listening address
config-public-url = Address as people see it
config-mail-from = Sender of mail
config-smtp = Mail relay
config-session-idle-minutes = Signed out after this many idle minutes
config-session-absolute-hours = Longest session (hours)
config-access-networks = Networks that may connect
config-webhook = Webhooks of the configuration file

# Mail to the city (/c/CONTRACT/letters)

letters-title = Mail to the city
letters-lead = Mail to the city waits until the manager has read it and pressed Send.
letters-nobody = The city has no mail address yet. Once there is one in the settings, requests for approval and acceptance will be listed here.
letters-at-once = Mail is set to be sent at once: new mail does not wait here.
letters-settings = Change addresses and how mail is sent
letters-waiting = Waiting to be sent
letters-none-waiting = No mail is waiting. Requests for approval or acceptance are listed here once there are any.
letters-past = Sent (35 days)
letters-none-past = Nothing has been sent yet. Mail that you let go is listed here, with whether it arrived.
letters-when = Sent or withdrawn
letters-release = Send
letters-withdraw = Take back
letters-released = Queued. The list below shows whether it arrived.
letters-withdrawn = Taken back.
letters-elsewhere = This mail has already been sent or taken back. Open the list again.
letters-tile = Mail to the city
letters-unit = { $count ->
    [one] mail
   *[other] mails
}
letters-tile-state = Waiting
letters-tile-detail = Not sent until you have read it and pressed Send
