"""Of Glance's functional tests, those that want what ours does otherwise on purpose."""

from __future__ import annotations

_STAYS = "it wants an image whose import failed to stay importing for ever, where no import can be tried again"
_AT_ONCE = "it wants an import beyond a limit to be taken and to fail later; ours answers 413 at once"
_BEGUN = "it wants a queued image behind the 202; ours is importing from then on, so that nothing else can begin"
_FETCHED = "it wants an image to wait in the queue until a program is run; ours fetches it at once"
_NOT_FOR_CLIENTS = "it wants to make a task of a kind that only the service makes, and that fails when it is run"
_REASONS = {
    "test_cache_api_policy.TestCacheImagesPolicy.test_delete_queued_images": _FETCHED,
    "test_cache_api_policy.TestCacheImagesPolicy.test_get_queued_images": _FETCHED,
    "test_image_decompression.TestImageDecompression.test_decompress_zip_multiple_files_error": _STAYS,
    "test_images.TestImageDirectURLVisibility.test_image_direct_url_visible": (
        "it wants direct_url shown to callers whom the policy refuses get_image_location"
    ),
    "test_images.TestImages.test_image_visibility_to_different_users": (
        "it wants an administrator without a project not to see a community image without an owner, which is nobody "
        "else's"
    ),
    "test_images.TestImagesSingleStore.test_add_location_with_do_secure_hash_true": _BEGUN,
    "test_images.TestImagesSingleStore.test_download_image_raises_service_unavailable": (
        "it wants an image without a checksum not to be cached; ours sends it from the cache while its address is away"
    ),
    "test_images.TestKeystoneQuotas.test_copy": (
        "it wants a copy to be held against image_stage_total; ours copies without staging"
    ),
    "test_images.TestKeystoneQuotas.test_import_would_go_over": _AT_ONCE,
    "test_images.TestKeystoneQuotas.test_stage": _AT_ONCE,
    "test_images.TestKeystoneQuotas.test_uploading_methods": _AT_ONCE,
    "test_images.TestMultipleBackendsLocationApi.test_add_location_with_do_secure_hash_true": _BEGUN,
    "test_images_api_policy.TestImagesPolicy.test_image_stage": (
        "its rules leave out context_is_admin, and it wants nobody to be an administrator then; in a policy file, what "
        "is left out keeps its default"
    ),
    "test_multi_store_images.TestImagesMultipleBackend.test_copy_image_lifecycle": (
        "it wants the tasks of an image in the order in which SQLite finds them; ours are newest first"
    ),
    "test_tasks_api_policy.TestTasksPolicy.test_tasks_get_basic": _NOT_FOR_CLIENTS,
    "test_tasks_api_policy.TestTasksPolicy.test_tasks_index_basic": _NOT_FOR_CLIENTS,
    **{
        f"test_parallel_store_import.TestParallelStoreImport.test_parallel_{name}": _STAYS
        for name in (
            "all_stores_must_succeed_failure",
            "all_stores_must_succeed_failure_with_image_conversion",
            "all_target_stores_fail",
        )
    },
}
DEVIATIONS = {f"glance.tests.functional.v2.{name}": reason for name, reason in _REASONS.items()}
