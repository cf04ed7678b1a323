# 契約の設定（/c/契約/settings）

nav-settings = 設定
nav-letters = 市へのメール

settings-title = 設定
settings-lead = この契約で、だれに、いつメールを送るかを決めます。変更はすぐに効き、証跡台帳に残ります（台帳にはメールアドレスを書きません）。
settings-save = 保存する
settings-done = 設定を保存しました。
settings-same = 変更はありませんでした。
settings-conflict = 入力している間に、ほかの人が「{ $value }」へ変更しました。あなたの入力のままでよければ、もう一度「保存する」を押してください。
settings-history = 最後に変更した人
settings-file = 設定ファイルの内容
settings-file-lead = 次の項目は、サーバーの設定ファイル mamori.toml で決めます。変えるときは、ファイルを直して Mamori を起動し直してください。
settings-file-what = 内容
settings-file-key = 項目名
settings-file-value = いまの値
setting-default = 初期値のまま
setting-changed = { $at } { $by }
setting-nobody = 宛先なし
setting-never = お知らせなし
setting-none = なし

setting-mail-city = 市のメールアドレス
setting-mail-city-help = 承認・検収などのお願いと、証跡台帳の先頭値（毎日）を送ります。1 行に 1 件。空にすると送りません。
setting-mail-city-release = 市へのメールの送り方
setting-mail-city-release-help = 証跡台帳の先頭値は、どちらを選んでもそのまま送ります。
setting-mail-city-release-person = 責任者が内容を見てから送る
setting-mail-city-release-at-once = そのまま送る
setting-mail-contractor = 受託者のメールアドレス
setting-mail-contractor-help = 期限・満了・市からの連絡をお知らせします。1 行に 1 件。
setting-reminder-days = 期限のお知らせ（何日前）
setting-reminder-days-help = 「7, 3, 1, 0」のように書きます。0 は当日です。空にすると、期限を過ぎたものだけをお知らせします。
setting-expiry-days = 満了のお知らせ（何日前）
setting-expiry-days-help = 証明書類・資産・媒体の期限が切れる前のお知らせです。「60, 30, 7」のように書きます。

config-listen = 待ち受けるアドレス
config-public-url = 利用者から見たアドレス
config-mail-from = メールの差出人
config-smtp = メールの中継サーバー
config-session-idle-minutes = 操作がないときにサインアウトするまで（分）
config-session-absolute-hours = サインインの最長時間（時間）
config-access-networks = 接続を許すネットワーク
config-webhook = 設定ファイルの通知先

# 市へのメール（/c/契約/letters）

letters-title = 市へのメール
letters-lead = 市に送るメールは、責任者が内容を見て「送る」を押すまで待ちます。
letters-nobody = 市のメールアドレスがまだありません。設定で書くと、承認や検収のお願いがここに並びます。
letters-at-once = いまは「そのまま送る」設定です。新しいメールは待たずに送られます。
letters-settings = 宛先と送り方を変える
letters-waiting = 送信を待つメール
letters-none-waiting = 送信を待つメールはありません。承認や検収のお願いができると、ここに並びます。
letters-past = 送ったメール（35 日分）
letters-none-past = 送ったメールはまだありません。「送る」を押したメールが、届いたかどうかとともにここに並びます。
letters-when = 送った・取りやめた日時
letters-release = 送る
letters-withdraw = 取りやめる
letters-released = 送信の列に入れました。届いたかどうかは下の一覧で分かります。
letters-withdrawn = 取りやめました。
letters-elsewhere = このメールは、もう送られたか取りやめられています。一覧を開き直してください。
letters-tile = 市へのメール
letters-unit = 件
letters-tile-state = 送信待ち
letters-tile-detail = 内容を見て「送る」を押すまで届きません
