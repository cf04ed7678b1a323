nav-closing = Monthly closing
closing-title = Monthly closing
closing-lead = Finishes the documents of this month step by step, from evidence to submission. You can stop and go on later.
closing-lead-city = The documents that the contractor hands in for this month. Read them, ask, and record acceptance or return.
closing-months = Months before and after
closing-steps = Steps of the closing
closing-papers = Documents of this month
closing-none = No document is closed in this month. Choose another month, or look at the list of documents.
closing-not-monthly = This contract asks for no monthly report. Only documents whose period ends are shown, in that month.
closing-bad-month = Write the month like 2026-11.
closing-state-none = Not made
closing-step-figures = Check the figures
closing-step-missing = What is missing
closing-step-words = Write the words
closing-step-look = Look at it
closing-step-submit = Submit
closing-step-receipt = Keep the receipt
closing-figures-lead = Made now, the document would say the following. A figure leads to the evidence behind it.
closing-to-missing = Next: what is missing
closing-to-words = Next: write the words
closing-to-submit = Next: submit
closing-to-paper = Open the document's page
closing-make-draft = Make the draft and write the words
closing-skip-words = Leave the words and look at it
closing-rows = Work in the document
closing-more-rows = { $count } more; all rows are in the whole document below.
closing-more-gaps = { $count } more; they appear here once those above are settled.
closing-whole = The whole document
closing-no-figures = This document is made about a single matter. Make a draft to see its content.
closing-evidence = Evidence
closing-missing-lead = You can submit in spite of these. Left as they are, they are printed with the words at the left.
closing-nothing-missing = Nothing missing was found.
closing-submit-gaps = { $count ->
    [one] One thing is missing or undecided. Submitted now, it is printed as such.
   *[other] { $count } things are missing or undecided. Submitted now, they are printed as such.
}
closing-gaps = { $count ->
    [one] { $count } item
   *[other] { $count } items
}
closing-words-there = written
closing-no-draft = There is no draft yet. Make one to write its words.
closing-not-a-draft = The words of a submitted document cannot be changed. To correct it, make the next version.
closing-look-lead = The same content as the PDF. If it is right, go on to the submission.
closing-not-yours = The lead submits. What was done so far is kept.
closing-returned = The city returned it
closing-city-waits = Not submitted yet. Once it is, you can read it here.
closing-of-cap = of { $cap }
closing-over-cap = over the limit
closing-unit = {""}
closing-stat-undecided = Hours under consultation
closing-stat-rows = Rows of work
closing-stat-met = Obligations met
closing-stat-not-met = Obligations not met
closing-stat-undecided-duties = Obligations under consultation
closing-stat-unmeasured = Obligations without evidence
closing-col-day = Day
closing-col-event = Event
closing-col-response = Response
closing-col-hours = Hours
closing-col-mark = Counts
closing-col-source = Record
closing-col-printed = Printed as
closing-col-what = What
closing-col-why = Why
closing-col-mend = Mend it
closing-printed-missing = missing
closing-printed-undecided = under consultation
closing-printed-blank = blank
closing-printed-not-met = not met
closing-printed-unmeasured = no evidence
closing-printed-unfilled = not filled in
closing-printed-none = none
closing-printed-so-far = so far
closing-printed-no-due = no due date
closing-gap-running = Period
closing-gap-running-why = It lasts until { $day }. Made now, the document holds only the evidence up to today.
closing-gap-due = Due date
closing-gap-no-work = Work
closing-gap-no-work-why = No work of this period was recorded.
closing-gap-counts-why = It is not decided whether this counts to the month's hours. It is in no total.
closing-gap-response-why = The response is not written.
closing-gap-body = Body of the document
closing-gap-body-why = No capability of this installation writes the evidence for it yet.
closing-gap-unmeasured = { $count ->
    [one] One obligation without evidence
   *[other] { $count } obligations without evidence
}
closing-gap-unmeasured-why = Nothing was recorded, so nothing can be said. It does not count as met.
closing-gap-letterhead-why = Fill in the contractor table of the contract file.
closing-mend-obligation = See the obligation
closing-mend-work = Record work
closing-mend-unmeasured = See the list
closing-blank-address = Contractor's address
closing-blank-name = Contractor's name
closing-blank-representative = Representative
closing-blank-responsible = Person responsible
closing-blank-contact = Contact
