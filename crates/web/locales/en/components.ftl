# Words of the components (templates/components.html)

ui-required = required
ui-more = { $count } more
ui-of = {" "}({ $what })
ui-errors = Some entries need correcting
ui-chars-most = up to { $count } characters
ui-upload-kinds = Kinds: { $kinds }
ui-upload-most = Size: up to { $most }
ui-upload-drop = You can also drop files here

ui-filter = Filter
ui-filter-clear = Clear the filter
ui-nothing-found = Nothing matches.
ui-count = { $from }–{ $to } of { $total }
ui-csv = Save as CSV
ui-sizes = Rows per page
ui-pages = Pages
ui-previous = Previous
ui-next = Next
ui-total = { $count } in all

ui-step-done = done
ui-step-now = you are here
ui-step-next = to do

ui-as-table = Show as a table
ui-table-of = Table: { $what }
ui-copy = Copy
ui-help-of = Explanation: { $what }

ui-compare = Comparison of versions
ui-compare-same = There is no difference.
ui-compare-count = { $count ->
    [one] one changed line
   *[other] { $count } changed lines
 }
ui-compare-line = Line
ui-compare-skipped = { $count ->
    [one] one equal line left out
   *[other] { $count } equal lines left out
 }

ui-timer-start = Start the timer
ui-timer-stop = Stop and fill in
ui-timer-drop = Discard
