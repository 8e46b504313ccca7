"""One call of each kind, as the API page shows it."""

from typing import Any

EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "VideoCreate": [
        {"prompt": "a red fox runs in the snow", "seconds": "4", "size": "1280x720", "seed": 7},
        {"prompt": "a whale swims", "seconds": "2", "loop": True},
        {"prompt": "Rusty runs", "cast": [{"name": "Rusty", "image": {"image_url": "data:image/png;base64,iVBORw0KGgo="}}]},
        {
            "prompt": "a cat",
            "seconds": "4",
            "storyboard": [{"at": 0, "prompt": "a cat walks"}, {"at": 2, "prompt": "a cat jumps"}],
        },
    ],
    "VideoRemix": [{"prompt": "a red fox runs in the rain", "strength": 0.5}],
    "VideoEdit": [{"prompt": "a blue fox runs in the snow", "video": {"id": "video_0123"}, "mask_box": "100,80,300,200"}],
    "VideoExtend": [{"prompt": "a red fox sleeps", "video": {"id": "video_0123"}, "seconds": "4"}],
    "VideoCut": [{"pieces": [{"id": "video_0123", "start": 0.5, "end": 2}, {"id": "video_0456"}]}],
    "CharacterCreate": [{"name": "Rusty", "video": {"id": "video_0123"}, "description": "a small red fox"}],
    "ImageGenerate": [{"prompt": "a fox in the snow", "size": "1024x1024", "n": 2}],
    "ImageEdit": [{"prompt": "a fox in the rain", "images": [{"image_url": "data:image/png;base64,iVBORw0KGgo="}]}],
    "WebhookCreate": [{"name": "mine", "url": "https://films.example/hook", "event_types": ["video.completed"]}],
    "WebhookUpdate": [{"event_types": ["video.completed", "video.failed"]}],
    "WebhookRotate": [{"keep_old_secret_active_for_24_hours": True}],
    "WebhookTest": [{"event_type": "video.completed"}],
}
