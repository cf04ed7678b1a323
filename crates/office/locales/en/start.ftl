# Start page, obligations, calendar of dates, all contracts, search

nav-calendar = Calendar of dates

verdict-met = Met
verdict-not-met = Not met
verdict-undecided = Text does not decide
verdict-unmeasured = No evidence
verdict-pending = Not due yet
verdict-not-applicable = Not applicable

date-done = Done
date-over = { $days ->
    [one] 1 day overdue
   *[other] { $days } days overdue
 }
date-unproved = No evidence
date-undecided = Text does not decide
date-unknown = No date yet
date-today = Today
date-left = { $days ->
    [one] 1 day left
   *[other] { $days } days left
 }

paper-draft = Draft
paper-submitted = Submitted
paper-returned = Returned
paper-accepted = Accepted
paper-unknown = Unknown

tile-none = None
tile-unmeasured = Not measured
tile-measured-at = Last record: { $at }
tile-unit-items = { $count ->
    [one] item
   *[other] items
 }
tile-due-soon = Due within 7 days
tile-due-soon-state = Soon
tile-due-today = { $count } of them today
tile-due-detail = { $day } { $title } ({ $why })
tile-overdue = Overdue
tile-overdue-state = Overdue
tile-my-turn = My turn
tile-my-turn-state = To do
tile-city-turn = Waiting for the city
tile-city-turn-state = Waiting
tile-city-turn-longest = Longest: { $days ->
    [one] 1 day
   *[other] { $days } days
 }
tile-of-obligations = Of { $total } obligations
tile-not-met = Obligations not met
tile-not-met-state = Not met
tile-unproved = Obligations without evidence
tile-unproved-state = No evidence
tile-undecided = Undecided by the text
tile-undecided-state = To be settled
tile-work-hours = Hours this month
tile-work-hours-of = of { $cap } h
tile-work-hours-within = Within the limit
tile-work-hours-little = Little left
tile-work-hours-over = Over the limit
tile-work-hours-undecided = Not decided whether they count: { $hours } h
tile-papers = Documents
tile-papers-drafts = Drafts to submit: { $count }
tile-papers-returned = { $count } returned
tile-papers-submitted = { $count } awaiting acceptance
tile-availability = Availability this month
tile-availability-days = { $count ->
    [one] 1 day recorded
   *[other] { $count } days recorded
 }
tile-backup = Last backup
tile-backup-hours = { $count ->
    [one] hour ago
   *[other] hours ago
 }
tile-backup-failed = Failed
tile-backup-drill = Restore drill: { $at }
tile-backup-no-drill = No restore drill recorded
tile-incidents = Open incidents
tile-incidents-state = Open

start-term = Term: { $first } to { $last }. Today: { $today }.
start-group-to-do = To do now
start-group-contract = The contract
start-group-services = The services
start-health-kept = No obligation is broken and nothing is overdue.
start-health-not-met = { $count ->
    [one] One obligation is not met.{" "}
   *[other] { $count } obligations are not met.{" "}
 }
start-health-late = { $count ->
    [one] One date has passed and is not done.{" "}
   *[other] { $count } dates have passed and are not done.{" "}
 }
start-health-next = Next date: { $day } ({ $left }), “{ $title }”.
start-health-unmeasured = { $count ->
    [one] One obligation cannot be judged for want of evidence.{" "}
   *[other] { $count } obligations cannot be judged for want of evidence.{" "}
 }
start-health-undecided = { $count ->
    [one] The text does not decide one obligation.{" "}
   *[other] The text does not decide { $count } obligations.{" "}
 }
start-number = Number
start-subject = Subject
start-what = Kind
start-state = State
start-limit = Due
start-waited = Waiting
start-days = { $days ->
    [one] 1 day
   *[other] { $days } days
 }
start-accept-left = Acceptance by { $day } ({ $days ->
    [one] 1 day left
   *[other] { $days } days left
 })
start-accept-over = Acceptance by { $day } ({ $days ->
    [one] 1 day overdue
   *[other] { $days } days overdue
 })
start-longest = (longest waiting first)
start-newest = (newest first)
start-my-turn-none = Nothing awaits you at the moment.
start-due = Dates
start-due-none = Nothing undone is due within 45 days.
start-due-note = (within 45 days, and what has passed undone)
start-day = Due
start-left = Left
start-due-what = What to do
start-period = Period
start-why = Why this date
start-all-dates = See all dates
start-more = { " " }({ $count } more)
start-attention = Obligations that need attention
start-attention-none = No obligation is broken, and none is left undecided by the text.
start-clause = Clause
start-obligation = Obligation
start-reason = Reason
start-all-obligations = See all obligations
start-papers = New documents
start-paper = Document
start-all-papers = See all documents
start-questions = Questions from staff
start-questions-none = No questions yet.
start-questions-lead = The answer arrives here. Do not write a visitor’s name or story.
start-places = Pages you can open
start-gauge = Hours of work ({ $month })
start-gauge-what = Kind
start-gauge-hours = Hours
start-gauge-counted = Count against the limit
start-gauge-undecided = Not decided whether they count
start-gauge-apart = Do not count
start-gauge-left = Left
start-gauge-cap = Limit

contracts-title = All contracts
contracts-lead = The contracts that you may open. Each figure leads to a page of that contract.
contracts-count = ({ $count })
contracts-words = Name of the contract
contracts-contract = Contract
contracts-next = Next date
contracts-hours = Hours this month

board-lead = The obligations of the contract with the state that follows from the evidence. An obligation without records is not called met.
board-caption = Obligations
board-total = ({ $count } in all)
board-nothing = No obligation fits.
board-everything = Show all obligations
board-empty = This contract has no obligation to judge. Those written into the contract's file are listed here.
board-all = All
board-words = Words, number or clause
board-chapter = Chapter or annex
board-next = Next date
board-text = Text of the clause
board-due-overdue = Overdue
board-due-week = Within 7 days
board-due-month = Within 31 days
board-due-none = Without a date
board-who = Person responsible
board-who-me = Me
board-who-somebody = Somebody
board-who-nobody = Nobody
board-who-gone = (no longer on this contract)
board-who-change = Choose the person responsible
board-who-save = Record the person
board-who-done = The person responsible was recorded.
board-who-wrong = The person chosen does not work on this contract for the contractor. Choose one from the list.
board-who-now = Responsible now
board-who-stale = After you opened this page somebody else named another person. Nothing was changed by you yet.
board-who-stale-next = Your choice stands in the field below. If it is still right, record it again.
board-who-yours = Your choice
board-not-judged = Not judged (rule or permission)
board-rule = Rule of the date
board-moved = Why it moved
board-soft = Words without a number
board-remark = Remark
board-late = ({ $days ->
    [one] 1 day late
   *[other] { $days } days late
 })
board-no-limit = no limit
board-own-target = , our own target
board-clause-text = What the contract says
board-evidence = State and evidence
board-reasons = Why it stands so
board-no-evidence = There is no evidence for this obligation yet. What is recorded for it is listed here.
board-records = Records behind the state
board-records-note = (newest first, at most 10)
board-at = Time
board-periods = State by period
board-measured = Measured, and why
board-warnings = Warnings

note-title = What the text does not decide: { $key }
note-handling = Handled meanwhile
note-decided = Reading agreed with the city
note-from = Holds from { $day }
note-candidates = The verdict depends on the reading
note-reading = Reading
note-verdict = Verdict
note-readings = Candidate readings
note-question = Question to the city
note-ask = Open a consultation with this question

reading-title = Record the agreed reading
reading-lead = Record it when a consultation with the city has settled the reading. From then on the obligation is judged by it. The record stays in the ledger and cannot be taken back.
reading-reading = Agreed reading
reading-choose = Choose
reading-choose-one = Choose one of the candidate readings.
reading-consultation = Number of the consultation
reading-consultation-help = The consultation in which it was agreed, e.g. 協議-R8-001
reading-no-consultation = There is no consultation of that number. Look the number up in the list of consultations.
reading-not-agreed = That consultation has not been agreed yet. Record the agreement first.
reading-other-note = That consultation is about another question. Check the number.
reading-from = Holds from
reading-by = Section that decided
reading-by-help = No names of persons, please.
reading-by-wrong = One line of at most 100 characters, please.
reading-save = Record the reading
reading-done = The reading was recorded in the ledger.

weekday-sun = Sun
weekday-mon = Mon
weekday-tue = Tue
weekday-wed = Wed
weekday-thu = Thu
weekday-fri = Fri
weekday-sat = Sat

calendar-lead = The dates of the contract, with the reason where one was moved. Closed days say why they are closed.
calendar-months = Other months
calendar-previous = Month before
calendar-next = Next month
calendar-now = This month
calendar-closed = Closed
calendar-list = Dates of three months
calendar-none = Nothing is due in this month.
calendar-undated = Dates that are not fixed yet

feed-title = In your own calendar
feed-lead = Your calendar program (any that reads iCalendar) can follow the dates: days and names, nothing else. Whoever knows the address can read it, so keep it to yourself.
feed-make = Make an address to follow
feed-renew = Make a new address (the one before stops working)
feed-stop = Stop following
feed-stopped = The address was taken away.
feed-made = The address was made. It is shown this once: add it to your calendar now.
feed-since = You have an address (made { $at }). It cannot be shown again; make a new one if you no longer have it.

search-title = Search
search-words = Words to look for
search-help = Finds numbers, subjects, clauses, texts of obligations, documents, records by number (#123), refused requests by number, people, help and pages. Several words separated by spaces must all occur.
search-do = Search
search-none = Nothing was found.
search-none-next = Try fewer letters, or part of a number. What you may not open is not shown.
search-count = { $count ->
    [one] 1 found
   *[other] { $count } found
 }
search-count-at-least = at least { $count } found
search-cut = The newest 20 are shown. Add words to narrow it down.
search-notes = Open questions of the text
search-pages = Pages
