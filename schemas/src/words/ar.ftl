### ما يقوله النظام بالعربية. كل رسالة هنا موجودة في en.ftl بالمعاملات نفسها.

## قواعد قد يخالفها حقل: تتمة جملة تبدأ باسم الحقل.

rule-required = مطلوب
rule-unknown-field = ليس من حقول هذا الطلب
rule-unknown-parameter = ليس من معاملات هذا العنوان
rule-unknown-filter = ليس من مرشحات هذا التقرير؛ ومرشحاته: { $filters }
rule-repeated = مكرر
rule-wrong-type =
    { $expected ->
        [string] يجب أن يكون نصًا
        [integer] يجب أن يكون عددًا صحيحًا
        [number] يجب أن يكون عددًا
        [boolean] يجب أن يكون true أو false
        [object] يجب أن يكون كائنًا
        [array] يجب أن يكون قائمة
       *[other] يجب أن يكون من نوع آخر
    }
rule-length = يجب أن يكون طوله من { $min } إلى { $max } حرفًا
rule-visible-ascii = يجب أن يكون طوله من { $min } إلى { $max } من محارف ASCII المرئية
rule-range = يجب أن يكون من { $min } إلى { $max }
rule-one-of = يجب أن يكون واحدًا من: { $values }
rule-email = يجب أن يكون عنوان بريد إلكتروني مثل name@example.com
rule-phone = يجب أن يكون رقم هاتف مثل 0501234567 أو +966501234567
rule-uuid = يجب أن يكون معرّف UUID
rule-id = يجب أن يكون عددًا صحيحًا كما تعطيه سلة
rule-day = يجب أن يكون يومًا مثل 2026-03-31
rule-day-range = يجب أن يكون يومًا بين { $first } و{ $last }
rule-instant = يجب أن يكون وقتًا مثل 2026-03-31T00:00:00Z
rule-time-zone = يجب أن يكون منطقة زمنية من IANA مثل Asia/Riyadh
rule-not-after = يجب ألا يكون بعد { $field }
rule-too-many-days =
    { $days ->
        [zero] لا يشمل أي يوم
        [one] يشمل يومًا واحدًا على الأكثر
        [two] يشمل يومين على الأكثر
        [few] يشمل { $days } أيام على الأكثر
        [many] يشمل { $days } يومًا على الأكثر
       *[other] يشمل { $days } يوم على الأكثر
    }
rule-cursor = يجب أن يكون nextCursor من هذا العنوان
rule-only-for-format = خاص بصيغة { $format }
rule-no-personal-data = يجب تركه: ليس في هذا التقرير بيانات شخصية
rule-used-before = استُخدم لطلب آخر؛ اجعل لكل طلب مفتاحًا خاصًا به
rule-wrong-password = ليست كلمة مرورك
rule-same-password = هي كلمة مرورك الحالية
rule-password-common = من أكثر كلمات المرور شيوعًا
rule-password-common-extended = من أكثر كلمات المرور شيوعًا مع إضافة بسيطة
rule-password-contains-name = يجب ألا تحتوي على اسم عنوان البريد
rule-password-classes = يجب أن تمزج { $classes } على الأقل من: أحرف صغيرة، أحرف كبيرة، أرقام، محارف أخرى
rule-code-or-error = يجب إرساله أو إرسال خطأ، لا كليهما

## مشكلات الواجهة البرمجية: ما الذي حدث، وما العمل.

problem-invalid-input = بعض الحقول غير صالحة.
problem-malformed-json = نص الطلب ليس JSON صحيحًا.
problem-unsupported-media-type = أرسل نص الطلب بنوع application/json.
problem-too-large = الحد الأقصى لحجم الطلب { $bytes } بايت.
problem-cut-off = انقطع نص الطلب. أرسله من جديد.
problem-timeout = لم يصل نص الطلب في الوقت المحدد. أرسله من جديد.
problem-bad-request = تعذّرت قراءة الطلب.
problem-bad-position = يجب أن تكون قيمة X-Qafila-Position موضعًا أجاب به أحد الأوامر.
problem-not-found = لا شيء في هذا العنوان.
problem-method-not-allowed = هذا العنوان يقبل طريقة أخرى.
problem-unauthorized = ادخل إلى حسابك للمتابعة.
problem-api-key-refused = أرسل مفتاحًا صالحًا في الترويسة X-Api-Key.
problem-webhook-refused = لم يُقبل: { $reason }. وقّعه بسر إشعارات التطبيق.
problem-unavailable = لا تستطيع قافلة تنفيذ ذلك الآن. لم يتغير شيء؛ أرسل الطلب نفسه من جديد.
problem-busy = لدى قافلة الآن أكثر مما تستطيع تنفيذه. أرسل الطلب من جديد.
problem-too-many-attempts = محاولات كثيرة. حاول من جديد بعد { $minutes } دقيقة.
problem-email-taken = هذا العنوان مسجّل من قبل. ادخل إلى حسابك.
problem-wrong-credentials = عنوان البريد أو كلمة المرور غير صحيحة.
problem-link-spent = لم يعد هذا الرابط يعمل: يعمل مرة واحدة خلال 30 دقيقة، وتحل محله أي رسالة أحدث. اطلب رابطًا آخر.
problem-claim-spent = لم يعد هذا الرابط يعمل. ادخل إلى حسابك واضغط «اربط» لربط المتجر.
problem-state-refused = استُخدم هذا الإذن من قبل أو انتهت مهلته أو بدأه شخص آخر. لم يتغير شيء؛ اضغط «اربط» من جديد.
problem-state-unknown = لم يبدأ هذا الإذن من قافلة. ادخل إلى حسابك واضغط «اربط».
problem-access-denied = لم تتم الموافقة في سلة. لم يتغير شيء؛ اضغط «اربط» من جديد ووافق.
problem-store-taken = هذا المتجر مرتبط بحساب آخر في قافلة. ادخل إلى ذلك الحساب أو اختر متجرًا آخر.
problem-nothing-connected = لا يوجد متجر مرتبط، فلا شيء يُفصل.
problem-not-connected = اربط متجرك على سلة أولًا.
problem-reauthorisation-needed = لم تعد سلة تقبل وصولنا. اربط متجرك من جديد.
problem-salla-failed = حدث خطأ لدى سلة. حاول من جديد بعد قليل.
problem-salla-unreachable = تعذّر الوصول إلى سلة. أرسل الطلب نفسه من جديد بعد قليل.
problem-sync-conflict =
    { $reason ->
        [already-running] هناك استيراد جارٍ. تابعه في /api/v1/sync/status.
        [not-running] لا يوجد استيراد جارٍ.
        [not-resumable] الاستيراد ليس متوقفًا ولا متعثرًا؛ وما انتهى يبدأ من جديد.
        [not-connected] لا يوجد متجر مرتبط، فلا استيراد جارٍ.
       *[other] تغيّر الاستيراد في هذه الأثناء. تابعه في /api/v1/sync/status.
    }
problem-export-conflict =
    { $reason ->
        [ended] انتهى إعداد هذا الملف.
       *[other] تغيّرت حالة الملف في هذه الأثناء. انظر إليها من جديد.
    }
problem-too-many-exports = ملفات كثيرة قيد الإعداد، وعددها { $count }. انتظر حتى يجهز بعضها أو احذف بعضها.
problem-unknown-merchant = لا يوجد تاجر بهذا المعرّف.
problem-unknown-order = ليس لديك طلب بهذا المعرّف.
problem-unknown-customer = ليس لديك عميل بهذا المعرّف.
problem-unknown-product = ليس لديك منتج بهذا المعرّف.
problem-unknown-export = ليس لديك ملف بهذا المعرّف.
problem-unknown-notification = ليس لديك إشعار بهذا المعرّف.
problem-unknown-link = ليس هذا من روابطنا. انسخه كاملًا من الرسالة أو الصفحة.
problem-link-expired = لم يعد هذا الرابط يعمل: يُحفظ الملف 24 ساعة أو حتى يُحذف. اطلب التقرير من جديد.
problem-no-such-range = حجم الملف { $bytes } بايت.
