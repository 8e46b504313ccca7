// What came from what: the films of one family as nested lists.

import { useCallback, useEffect, useState } from "react";
import { api, type Video } from "../api";
import { useT } from "../i18n";
import { useClosed } from "../live";
import { VideoThumb } from "../ui";

export function Tree({ id }: { id: string }) {
  const t = useT();
  const [family, setFamily] = useState<Video[]>([]);
  const load = useCallback(() => void api.family(id).then((page) => setFamily(page.data), () => {}), [id]);
  useEffect(load, [load]);
  useClosed(load);
  if (family.length < 2) return <p className="muted">{t("film.alone")}</p>;
  const known = new Set(family.map((video) => video.id));
  const roots = family.filter((video) => !known.has(video.remixed_from_video_id ?? ""));
  return <Branch videos={roots} family={family} here={id} />;
}

function Branch({ videos, family, here }: { videos: Video[]; family: Video[]; here: string }) {
  const t = useT();
  return (
    <ul className="branch">
      {videos.map((video) => {
        const below = family.filter((each) => each.remixed_from_video_id === video.id);
        return (
          <li key={video.id}>
            <a href={`#/film/${video.id}`} aria-current={video.id === here ? "true" : undefined}>
              <VideoThumb video={video} />
              <span className="prompt">{video.prompt}</span>
              {video.id === here && <span className="badge">{t("film.here")}</span>}
            </a>
            {below.length > 0 && <Branch videos={below} family={family} here={here} />}
          </li>
        );
      })}
    </ul>
  );
}
