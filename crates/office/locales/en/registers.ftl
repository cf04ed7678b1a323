# Pages of the registers. Names of acts, states and fields fall back to the registers' own (Japanese).

register-work = Work entries
register-request = Requests
register-question = Questions
register-approval = Approvals
register-consultation = Consultations
register-attestation = Attestations
register-subcontract = Sub-contracts
register-training = Trainings
register-measure = Measures for personal data
register-handover = Hand-overs
register-record = Confirmations
register-asset = Assets
register-media = Equipment and media

registers-all = Attestations on file
registers-all-states = All
registers-by-city = entered by the city
registers-by-contractor = entered by the contractor
registers-choose = Please choose
registers-comma = {", "}
registers-compare = What changed meanwhile
registers-day = Day
registers-days = { $days ->
    [one] 1 day
   *[other] { $days } days
 }
registers-done = { $number }: “{ $act }” is recorded.
registers-done-before = { $number }: “{ $act }” had been recorded already; it was not recorded twice.
registers-empty = Nothing is recorded yet.
registers-empty-month = Nothing is recorded in this month yet.
registers-entries = Entries
registers-erase = Erase personal data
registers-erase-done = Personal data was erased from { $count } records. The ledger keeps that it was erased.
registers-erase-lead = Removes the personal data of this item from ledger and lists. This cannot be undone. That it was erased, why and when stays in the ledger.
registers-erase-reason = Reason for the erasure
registers-erase-reason-wrong = Give the ground (ordinance, request of the person, end of the retention period …) in at most 500 characters
registers-erased = (personal data erased)
registers-facts = Contents
registers-files = Attached files
registers-from = From
registers-gaps = { $count ->
    [one] 1 gap
   *[other] { $count } gaps
 }
registers-help-count = A whole number, 0 or more
registers-help-date = 2026-10-05, R8.10.5, today, yesterday
registers-help-minutes = As 1.5, 1:30 or 90m. 1.5 is one hour and a half.
registers-help-names = One person a line.
registers-help-personal = Personal data: it stays out of the chain and can be erased later.
registers-help-time = As 9:05, 17:15, 24:00.
registers-hidden = Personal data is shown only to those who work with this register.
registers-hours = h
registers-kept = File on hand: { $file } (choosing another replaces it)
registers-leave = Cancel
registers-month = Month
registers-new = New entry
registers-no = No
registers-not-now = { $number } is “{ $state }”, so “{ $act }” is not possible now.
registers-now = Now (revision { $revision })
registers-number = Number
registers-open = No answer
registers-quick = Quick entry
registers-quick-help = Tab goes on, Enter records. Times as 9:05, lengths as 1.5, 1:30 or 90m. Start and end, or the length alone, will do.
registers-quick-send = Record
registers-remedy = Ask for “{ $gate }”
registers-seen = When you opened it (revision { $revision })
registers-send = Record: { $act }
registers-sent-before = This form was sent and recorded before. To record it once more, check it and send it again.
registers-standing = Standing
registers-standings = Obligations that need an attestation
registers-state = State
registers-story = History
registers-sum = Counted in { $month }: { $counted }.
registers-sum-left = {" "}Left: { $time }.
registers-sum-over = {" "}Over the limit by { $time }.
registers-sum-undecided = {" "}A further { $time } is undecided.
registers-title = Subject
registers-to = Until
registers-waited = { $what }: { $from } to { $to } ({ $days } days)
registers-waited-days = Waited for the city: { $days } days.
registers-waiting-days = Waiting for the city: { $days } days.
registers-waits = Waited for the city
registers-warning = Note: { $text }
registers-words = Words
registers-yes = Yes
registers-yours = What you typed
registers-yours-lead = What you typed is kept. Look at the changes above and send it again.
