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
rule-length =
    { COUNT($max) ->
        [zero] يجب أن يكون فارغًا
        [one] يجب أن يكون حرفًا واحدًا
        [two] يجب أن يكون طوله من { $min } إلى حرفين
        [few] يجب أن يكون طوله من { $min } إلى { $max } أحرف
        [many] يجب أن يكون طوله من { $min } إلى { $max } حرفًا
       *[other] يجب أن يكون طوله من { $min } إلى { $max } حرف
    }
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
    { COUNT($days) ->
        [zero] لا يشمل أي يوم
        [one] يشمل يومًا واحدًا على الأكثر
        [two] يشمل يومين على الأكثر
        [few] يشمل { $days } أيام على الأكثر
        [many] يشمل { $days } يومًا على الأكثر
       *[other] يشمل { $days } يوم على الأكثر
    }
rule-too-many-points =
    { COUNT($points) ->
        [zero] لا يعطي أي نقطة
        [one] يعطي أكثر من نقطة واحدة؛ اطلب نقاطًا أوسع أو أيامًا أقل أو مجموعات أقل
        [two] يعطي أكثر من نقطتين؛ اطلب نقاطًا أوسع أو أيامًا أقل أو مجموعات أقل
        [few] يعطي أكثر من { $points } نقاط؛ اطلب نقاطًا أوسع أو أيامًا أقل أو مجموعات أقل
        [many] يعطي أكثر من { $points } نقطة؛ اطلب نقاطًا أوسع أو أيامًا أقل أو مجموعات أقل
       *[other] يعطي أكثر من { $points } نقطة؛ اطلب نقاطًا أوسع أو أيامًا أقل أو مجموعات أقل
    }
rule-control-characters = يجب ألا يحتوي على رموز تحكم
rule-too-many-values =
    { COUNT($values) ->
        [zero] لا يقبل أي قيمة
        [one] فيه أكثر من قيمة واحدة
        [two] فيه أكثر من قيمتين
        [few] فيه أكثر من { $values } قيم
        [many] فيه أكثر من { $values } قيمة
       *[other] فيه أكثر من { $values } قيمة
    }
rule-no-word = ليس فيه كلمة من حرفين أو رقمين للبحث عنها
rule-too-many-people =
    { COUNT($people) ->
        [zero] لا ينطبق على أحد
        [one] ينطبق على أكثر من شخص واحد؛ أضف كلمة أو ابحث بالبريد الإلكتروني أو الجوال
        [two] ينطبق على أكثر من شخصين؛ أضف كلمة أو ابحث بالبريد الإلكتروني أو الجوال
        [few] ينطبق على أكثر من { $people } أشخاص؛ أضف كلمة أو ابحث بالبريد الإلكتروني أو الجوال
        [many] ينطبق على أكثر من { $people } شخصًا؛ أضف كلمة أو ابحث بالبريد الإلكتروني أو الجوال
       *[other] ينطبق على أكثر من { $people } شخص؛ أضف كلمة أو ابحث بالبريد الإلكتروني أو الجوال
    }
rule-cursor = يجب أن يكون nextCursor من هذا العنوان
rule-only-for-format = خاص بصيغة { $format }
rule-not-for-format = لا ينطبق على صيغة { $format }
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
problem-too-many-attempts =
    { COUNT($minutes) ->
        [zero] محاولات كثيرة. حاول من جديد الآن.
        [one] محاولات كثيرة. حاول من جديد بعد دقيقة.
        [two] محاولات كثيرة. حاول من جديد بعد دقيقتين.
        [few] محاولات كثيرة. حاول من جديد بعد { $minutes } دقائق.
        [many] محاولات كثيرة. حاول من جديد بعد { $minutes } دقيقة.
       *[other] محاولات كثيرة. حاول من جديد بعد { $minutes } دقيقة.
    }
problem-email-taken = هذا العنوان مسجّل من قبل. ادخل إلى حسابك.
problem-wrong-credentials = عنوان البريد أو كلمة المرور غير صحيحة.
problem-link-spent = لم يعد هذا الرابط يعمل: يعمل مرة واحدة خلال 30 دقيقة، وتحل محله أي رسالة أحدث. اطلب رابطًا آخر.
problem-claim-spent = لم يعد هذا الرابط يعمل. ادخل إلى حسابك واضغط «اربط» لربط المتجر.
problem-state-refused = استُخدم هذا الإذن من قبل أو انتهت مهلته أو بدأه شخص آخر. لم يتغير شيء؛ اضغط «اربط» من جديد.
problem-state-unknown = لم يبدأ هذا الإذن من قافلة. ادخل إلى حسابك واضغط «اربط».
problem-access-denied = لم تتم الموافقة في سلة. لم يتغير شيء؛ اضغط «اربط» من جديد ووافق.
problem-store-taken = هذا المتجر مرتبط بحساب آخر في قافلة. ادخل إلى ذلك الحساب أو اختر متجرًا آخر.
problem-other-store = المتجر المرتبط الآن هو { $current }. لم يتغير شيء: أكّد أن يحل محله { $new }.
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
problem-unknown-cart = ليس لديك سلة بهذا المعرّف.
problem-unknown-api-key = ليس لديك مفتاح بهذا المعرّف.
problem-scope-missing = لا يسمح هذا المفتاح بقراءة ذلك. أنشئ مفتاحًا بالصلاحية { $scope }.
problem-too-many-api-keys = لديك أكبر عدد مسموح من المفاتيح. ألغِ مفتاحًا لا تستخدمه.
problem-unknown-product = ليس لديك منتج بهذا المعرّف.
problem-unknown-export = ليس لديك ملف بهذا المعرّف.
problem-unknown-notification = ليس لديك إشعار بهذا المعرّف.
problem-unknown-link = ليس هذا من روابطنا. انسخه كاملًا من الرسالة أو الصفحة.
problem-link-expired = لم يعد هذا الرابط يعمل: يُحفظ الملف 24 ساعة أو حتى يُحذف. اطلب التقرير من جديد.
problem-no-such-range = حجم الملف { $bytes } بايت.

## الأسباب: ما العمل حيال ما ينتظر أو فشل أو توقف.

cause-sync-paused-access-refused = لم تعد سلة تقبل وصولنا، ربما حُذف التطبيق. اربط متجرك من جديد؛ ما استُورد محفوظ وسيُستأنف الاستيراد.
cause-sync-paused-refresh-answer-lost = ضاع رد سلة على تجديد وصولنا. اربط متجرك من جديد وسيُستأنف الاستيراد من حيث توقف.
cause-sync-paused-salla-blocks-us = طلبت سلة أن نتمهل. لا يلزمك شيء: يُستأنف الاستيراد وحده.
cause-sync-paused-source-disagrees = قوائم سلة لا تتفق مع بعضها الآن. لا يلزمك شيء: نسألها من جديد حتى تتفق، ولا نعلن الاكتمال قبل ذلك.
cause-sync-paused-internal-trouble = عطل عندنا أوقف الاستيراد مؤقتًا. لا يلزمك شيء: سنتابع وحدنا.

cause-sync-failed-not-connected = لا يوجد متجر مرتبط. اربط متجرك ثم ابدأ الاستيراد من جديد.
cause-sync-failed-scope-missing = لم تمنحنا سلة كل الصلاحيات اللازمة للاستيراد. اربط متجرك من جديد ووافق على كل ما يُطلب، ثم استأنف الاستيراد.
cause-sync-failed-salla-unavailable = لم تستجب سلة لفترة طويلة. استأنف الاستيراد بعد قليل؛ لم يُفقد شيء.
cause-sync-failed-salla-unreadable = ترسل سلة قوائم متجرك بشكل لا نستطيع قراءته. لم يُفقد شيء: تواصل مع الدعم مع ذكر رقم المهمة، أو استأنف الاستيراد لاحقًا.
cause-sync-failed-salla-refused = رفضت سلة أحد طلباتنا. تواصل مع الدعم مع ذكر رقم المهمة.
cause-sync-failed-source-disagrees = ظلت قوائم سلة لا تتفق مع بعضها أيامًا. استأنف الاستيراد، أو تواصل مع الدعم مع ذكر رقم المهمة.
cause-sync-failed-too-many-invalid-rows = تعذّرت قراءة عدد كبير من سجلات المتجر وهي محفوظة. تواصل مع الدعم مع ذكر رقم المهمة.
cause-sync-failed-internal-trouble = استمر عطل عندنا أيامًا. استأنف الاستيراد، أو تواصل مع الدعم مع ذكر رقم المهمة.

cause-connection-access-refused = لم تعد سلة تقبل وصولنا، ربما حُذف التطبيق. اربط متجرك من جديد؛ ما استُورد محفوظ.
cause-connection-refresh-answer-lost = ضاع رد سلة على تجديد وصولنا. اربط متجرك من جديد؛ ما استُورد محفوظ، ويُستأنف الاستيراد من حيث توقف.
cause-connection-access-ends-soon = ينتهي وصولنا إلى متجرك خلال أسبوع، ولم تعطنا سلة ما نجدده به. اربط متجرك من جديد قبل ذلك؛ لن يتوقف شيء.
cause-connection-uninstalled = حُذف تطبيق قافلة من متجرك. اربط متجرك من جديد؛ ما استُورد محفوظ.

cause-reconciliation-not-connected = لم يكن هناك متجر مرتبط. اربط متجرك على سلة من جديد.
cause-reconciliation-access-refused = لم تعد سلة تقبل وصولنا. اربط متجرك على سلة من جديد.
cause-reconciliation-refresh-answer-lost = ضاع رد سلة على تجديد وصولنا. اربط متجرك على سلة من جديد.
cause-reconciliation-scope-missing = لم تمنحنا سلة كل الصلاحيات. اربط متجرك من جديد ووافق على كل ما يُطلب.
cause-reconciliation-salla-blocks-us = لم تسمح سلة بأي طلب. لا يلزمك شيء: نعيد المحاولة الليلة القادمة.
cause-reconciliation-salla-unavailable = لم تستجب سلة. لا يلزمك شيء: نعيد المحاولة الليلة القادمة.
cause-reconciliation-salla-unreadable = أرسلت سلة قوائم بشكل لا نستطيع قراءته. نعيد المحاولة الليلة القادمة؛ وإن تكرر ذلك فتواصل مع الدعم.
cause-reconciliation-salla-refused = رفضت سلة أحد طلباتنا. نعيد المحاولة الليلة القادمة؛ وإن تكرر ذلك فتواصل مع الدعم.
cause-reconciliation-source-disagrees = لم تتفق قوائم سلة مع بعضها. لا يلزمك شيء: نعيد المحاولة الليلة القادمة.
cause-reconciliation-too-many-deletions = سجلات كثيرة لم تعد موجودة في سلة. لم نحذف شيئًا: تواصل مع الدعم ليؤكد حذفها.
cause-reconciliation-too-many-invalid-rows = تعذّرت قراءة سجلات كثيرة وهي محفوظة. تواصل مع الدعم.
cause-reconciliation-internal-trouble = حدث عطل عندنا. لا يلزمك شيء: نعيد المحاولة الليلة القادمة.

cause-webhooks-not-connected = لا يوجد متجر مرتبط. اربط متجرك على سلة من جديد.
cause-webhooks-access-refused = لم تعد سلة تقبل وصولنا. اربط متجرك على سلة من جديد.
cause-webhooks-refresh-answer-lost = ضاع رد سلة على تجديد وصولنا. اربط متجرك على سلة من جديد.
cause-webhooks-scope-missing = لم تمنحنا سلة كل الصلاحيات. اربط متجرك من جديد ووافق على كل ما يُطلب.
cause-webhooks-salla-blocks-us = لم تسمح سلة إلا بطلبات قليلة. لا يلزمك شيء: نعيد المحاولة خلال ساعة، وتصل التغييرات كل ليلة حتى ذلك الحين.
cause-webhooks-salla-unavailable = لم تستجب سلة. لا يلزمك شيء: نعيد المحاولة خلال ساعة، وتصل التغييرات كل ليلة حتى ذلك الحين.
cause-webhooks-salla-unreadable = أرسلت سلة ردًا بشكل لا نستطيع قراءته. نعيد المحاولة، وتصل التغييرات كل ليلة حتى ذلك الحين؛ وإن استمر ذلك فتواصل مع الدعم.
cause-webhooks-salla-refused = ترفض سلة إرسال بعض أحداث متجرك. تصل التغييرات كل ليلة؛ وإن استمر ذلك فتواصل مع الدعم.
cause-webhooks-internal-trouble = تعطل شيء لدينا. لا يلزمك شيء: نعيد المحاولة خلال ساعة.

cause-completeness-rows-unread = تعذّرت قراءة بعض السجلات. هي محفوظة ونعيد قراءتها كل ليلة.
cause-completeness-not-stored-yet = ما قُرئ ما زال يُحفظ. لا يلزمك شيء.
cause-completeness-webhooks-failing = لا تصلنا أحداث المتجر. نقرأ كل ليلة ما كانت ستخبرنا به.
cause-completeness-changes-unread = فاتتنا تغييرات لبعض الوقت. نقرؤها الليلة القادمة.
cause-completeness-news-unread = بعض مستجدات المتجر ما زالت تُقرأ. لا يلزمك شيء.
cause-completeness-not-connected = لا يوجد متجر مرتبط. اربط متجرك على سلة من جديد.
cause-completeness-access-refused = لم تعد سلة تقبل وصولنا. اربط متجرك على سلة من جديد.
cause-completeness-refresh-answer-lost = ضاع رد سلة على تجديد وصولنا. اربط متجرك على سلة من جديد.
cause-completeness-scope-missing = لم تمنحنا سلة كل الصلاحيات. اربط متجرك من جديد ووافق على كل ما يُطلب.
cause-completeness-salla-blocks-us = لم تسمح سلة بأي طلب الليلة الماضية. نعيد المحاولة الليلة القادمة.
cause-completeness-salla-unavailable = لم تستجب سلة الليلة الماضية. نعيد المحاولة الليلة القادمة.
cause-completeness-salla-unreadable = أرسلت سلة قوائم بشكل لا نستطيع قراءته. نعيد المحاولة الليلة القادمة؛ وإن تكرر ذلك فتواصل مع الدعم.
cause-completeness-salla-refused = رفضت سلة أحد طلباتنا الليلة الماضية. نعيد المحاولة الليلة القادمة؛ وإن تكرر ذلك فتواصل مع الدعم.
cause-completeness-source-disagrees = لم تتفق قوائم سلة مع بعضها الليلة الماضية. نعيد المحاولة الليلة القادمة.
cause-completeness-too-many-deletions = سجلات كثيرة لم تعد موجودة في سلة. لم نحذف شيئًا: تواصل مع الدعم ليؤكد حذفها.
cause-completeness-too-many-invalid-rows = تعذّرت قراءة سجلات كثيرة وهي محفوظة. تواصل مع الدعم.
cause-completeness-internal-trouble = حدث عطل عندنا الليلة الماضية. نعيد المحاولة الليلة القادمة.

cause-export-too-many-rows = عدد الصفوف أكبر من المسموح في ملف واحد. اختر أيامًا أقل.
cause-export-timed-out = استغرق إعداده وقتًا طويلًا. اختر أيامًا أقل أو تقريرًا أصغر.
cause-export-unknown-report = هذا الإصدار من قافلة لا يعدّ هذا التقرير. اطلب تقريرًا آخر.
cause-export-interrupted = اطلبه من جديد بعد قليل. إن فشل مرة أخرى فتواصل مع الدعم مع ذكر رقم المهمة.
cause-export-source-unavailable = تعذّرت قراءة تقاريرنا لبعض الوقت. اطلب الملف من جديد بعد قليل؛ وإن فشل مرة أخرى فتواصل مع الدعم مع ذكر رقم المهمة.
cause-export-storage-unavailable = تعذّر حفظ الملف. اطلبه من جديد بعد قليل؛ وإن فشل مرة أخرى فتواصل مع الدعم مع ذكر رقم المهمة.
cause-export-keys-unavailable = تعذّر فتح حقول مختومة. اطلب الملف من جديد بعد قليل؛ وإن فشل مرة أخرى فتواصل مع الدعم مع ذكر رقم المهمة.
cause-export-internal = حدث عطل عندنا. اطلب الملف من جديد بعد قليل؛ وإن فشل مرة أخرى فتواصل مع الدعم مع ذكر رقم المهمة.

## إشعارات التطبيق والرسائل: ما الذي حدث، وما العمل.

report-name =
    { $report ->
        [orders] الطلبات
        [order-items] عناصر الطلبات
        [customers] العملاء
        [products] المنتجات
        [carts] السلال المتروكة
        [sales-trend] المبيعات عبر الزمن
        [order-status] الطلبات حسب الحالة
        [top-products] أكثر المنتجات مبيعًا
       *[other] تقريرك
    }

note-sync-completed-title = اكتمل الاستيراد
note-sync-completed-orders =
    { COUNT($orders) ->
        [zero] لا طلبات
        [one] طلب واحد
        [two] طلبان
        [few] { $orders } طلبات
        [many] { $orders } طلبًا
       *[other] { $orders } طلب
    }
note-sync-completed-customers =
    { COUNT($customers) ->
        [zero] لا عملاء
        [one] عميل واحد
        [two] عميلان
        [few] { $customers } عملاء
        [many] { $customers } عميلًا
       *[other] { $customers } عميل
    }
note-sync-completed-products =
    { COUNT($products) ->
        [zero] لا منتجات
        [one] منتج واحد
        [two] منتجان
        [few] { $products } منتجات
        [many] { $products } منتجًا
       *[other] { $products } منتج
    }
note-sync-completed-imported = ما استُورد: { $parts }.
note-sync-completed-body = في متجرك: { $parts }.
note-sync-completed-unchanged = لم تتغيّر الأعداد في متجرك: { $parts }.
note-sync-completed-nothing = ليس في سلة بعدُ طلبات أو عملاء أو منتجات لهذه الأشهر.
note-sync-completed-skipped =
    { COUNT($skipped) ->
        [zero] قُرئت كل السجلات.
        [one] تعذّرت قراءة سجل واحد وهو محفوظ لفريق الدعم.
        [two] تعذّرت قراءة سجلين وهما محفوظان لفريق الدعم.
        [few] تعذّرت قراءة { $skipped } سجلات وهي محفوظة لفريق الدعم.
        [many] تعذّرت قراءة { $skipped } سجلًا وهي محفوظة لفريق الدعم.
       *[other] تعذّرت قراءة { $skipped } سجل وهي محفوظة لفريق الدعم.
    }
note-sync-waiting-title = الاستيراد متوقف مؤقتًا
note-sync-waiting-body = لا يلزمك شيء: يُستأنف الاستيراد وحده.
note-sync-failed-title = تعذّر إكمال الاستيراد
note-sync-failed-body = استأنف الاستيراد بعد قليل. إن فشل مرة أخرى فتواصل مع الدعم مع ذكر رقم المهمة.
note-connection-lost-title = انقطع الاتصال بالمتجر
note-connection-lost-body = لم تعد سلة تقبل وصولنا إلى متجرك. اربط متجرك من جديد؛ ما تم استيراده محفوظ.
note-reauthorisation-needed-title = نحتاج إلى موافقتك من جديد
note-reauthorisation-needed-body = اربط متجرك من جديد؛ ما تم استيراده محفوظ.
note-access-ends-soon-title = سينتهي وصولنا إلى متجرك قريبًا
note-export-ready-title = ملفك جاهز
note-export-ready-body =
    { COUNT($rows) ->
        [zero] ملف «{ $report }» جاهز للتنزيل، وليس فيه صفوف.
        [one] ملف «{ $report }» جاهز للتنزيل، وفيه صف واحد.
        [two] ملف «{ $report }» جاهز للتنزيل، وفيه صفان.
        [few] ملف «{ $report }» جاهز للتنزيل، وفيه { $rows } صفوف.
        [many] ملف «{ $report }» جاهز للتنزيل، وفيه { $rows } صفًا.
       *[other] ملف «{ $report }» جاهز للتنزيل، وفيه { $rows } صف.
    }
note-export-early = لم تكن كل بيانات متجرك قد وصلت عند البدء بإعداده، وما وصل بعد ذلك ليس فيه.
note-export-without-details =
    { COUNT($orders) ->
        [zero] وصلت منتجات كل الطلبات وبيانات عملائها.
        [one] طلب واحد لم تصل منتجاته وبيانات عميله بعد.
        [two] طلبان لم تصل منتجاتهما وبيانات عملائهما بعد.
        [few] { $orders } طلبات لم تصل منتجاتها وبيانات عملائها بعد.
        [many] { $orders } طلبًا لم تصل منتجاتها وبيانات عملائها بعد.
       *[other] { $orders } طلب لم تصل منتجاتها وبيانات عملائها بعد.
    }
note-export-failed-title = تعذّر إعداد الملف
note-export-failed-body = لم نتمكن من إعداد ملف «{ $report }». { $advice }
note-mail-failed = قد لا تكون رسالة البريد عن ذلك قد وصلتك.
note-password-reset-title = تعيين كلمة مرور جديدة
note-password-reset-body = طلب أحدهم تعيين كلمة مرور جديدة لحسابك في قافلة.
note-password-changed-title = تغيّرت كلمة مرورك
note-password-changed-body = تغيّرت كلمة مرور حسابك في قافلة وأُنهيت جلساتك الأخرى. إن لم تكن أنت من غيّرها فعيّن كلمة مرور جديدة الآن.
note-claim-title = أكمل ربط متجرك بقافلة
note-claim-body = ثُبّت تطبيق قافلة في متجرك على سلة. سجّل أو ادخل إلى حسابك لربط المتجر به وبدء الاستيراد.

mail-brand = قافلة
mail-footer = أُرسلت هذه الرسالة تلقائيًا من قافلة.
mail-footer-optional = أُرسلت هذه الرسالة تلقائيًا من قافلة. يمكنك اختيار ما يصلك بالبريد من إعدادات حسابك.
mail-export-ready-action = تنزيل الملف
mail-export-ready-note = يعمل الرابط 24 ساعة دون تسجيل دخول. لا تشاركه إلا مع من تثق به.
mail-export-failed-action = فتح التقارير
mail-export-failed-note = يمكنك طلب الملف من جديد.
mail-password-reset-action = تعيين كلمة مرور جديدة
mail-password-reset-note = يعمل الرابط مرة واحدة خلال 30 دقيقة. إن لم تطلب ذلك فتجاهل هذه الرسالة.
mail-password-changed-action = لم أغيّرها
mail-password-changed-note = إن كنت أنت من غيّرها فلا شيء عليك.
mail-claim-action = ربط المتجر بحسابك
mail-claim-note = يعمل الرابط مرة واحدة خلال 7 أيام. إن لم تثبّت التطبيق فتجاهل هذه الرسالة.
mail-connection-action = ربط المتجر من جديد
mail-connection-note = افتح قافلة وأعد ربط متجرك.
mail-sync-action = فتح قافلة
mail-sync-note = التفاصيل في حسابك.
