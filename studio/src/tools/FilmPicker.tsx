// Finished films to choose one from, the newest first.

import { useEffect, useState } from "react";
import { api, type Video } from "../api";
import { useT } from "../i18n";
import { Button, VideoThumb, useToast } from "../ui";

interface Props {
  except?: string; // id of a film that cannot be chosen
  onChoose: (video: Video) => void;
}

export function FilmPicker({ except, onChoose }: Props) {
  const t = useT();
  const tell = useToast();
  const [films, setFilms] = useState<Video[] | null>(null);
  const [after, setAfter] = useState<string | null>(null);
  const load = (from: string | null) =>
    api.find("", "ready", from).then(
      (page) => {
        setFilms((all) => [...(from ? (all ?? []) : []), ...page.data]);
        setAfter(page.has_more ? page.last_id : null);
      },
      (error: Error) => tell(error.message, "danger"),
    );
  useEffect(() => void load(null), []);
  const shown = films?.filter(({ id }) => id !== except);
  if (!shown) return null;
  if (shown.length === 0) return <p className="muted">{t("tools.noOthers")}</p>;
  return (
    <>
      <ul className="picker">
        {shown.map((video) => (
          <li key={video.id}>
            <button type="button" className="picker-film" aria-label={video.prompt} onClick={() => onChoose(video)}>
              <VideoThumb video={video} />
              <span>{video.prompt}</span>
            </button>
          </li>
        ))}
      </ul>
      {after && <Button onClick={() => void load(after)}>{t("gallery.more")}</Button>}
    </>
  );
}
