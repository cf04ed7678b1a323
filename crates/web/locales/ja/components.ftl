# 部品（templates/components.html）の言葉

ui-required = 必須
ui-more = ほか { $count } 件
ui-of = （{ $what }）
ui-errors = 直すところがあります
ui-chars-most = { $count } 字まで
ui-upload-kinds = 種類：{ $kinds }
ui-upload-most = 大きさ：{ $most } まで
ui-upload-drop = ここにファイルを置くこともできます

ui-filter = 絞り込む
ui-filter-clear = 絞り込みをやめる
ui-nothing-found = 条件に合うものはありません。
ui-count = { $total } 件中 { $from }〜{ $to } 件
ui-csv = CSV で保存
ui-sizes = 1 ページの件数
ui-pages = ページ
ui-previous = 前へ
ui-next = 次へ
ui-total = 全 { $count } 件

ui-step-done = 済み
ui-step-now = いまここ
ui-step-next = これから

ui-as-table = 表で見る
ui-table-of = { $what }の表
ui-copy = 写す
ui-help-of = 説明：{ $what }

ui-compare = 版の比較
ui-compare-same = 違いはありません。
ui-compare-count = 違う行 { $count }
ui-compare-line = 行
ui-compare-skipped = 同じ { $count } 行を省きました

ui-timer-start = 計測を始める
ui-timer-stop = 終えて記入する
ui-timer-drop = 計測をやめる
