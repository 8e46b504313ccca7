"""Burned-in text, found without reading it: strokes of one width and one colour, letter beside letter on a line.

Dimension key: H W pixels, N components. What is measured is the share of the picture's area that lines of letters take. No
language is known here; writing on a wall in the scene counts as well, and single characters do not.
"""

import cv2
import numpy as np

LONG_SIDE = 640
FEWEST = 4  # letters of a line
TALLEST = 90  # pixels of a letter
LIFT = np.maximum(np.arange(256) * 55 // 100, 48).astype(np.uint8)  # that a letter is above its ground, by the most nearby
WIDEST_GAP = 1.1  # between letters, in their height
BOLD, MANY = 70, 9  # levels above their ground that make letters stand out; so many in a row are text without
UNEVEN = 0.25  # of their height: mean distance of tops, and of bottoms, from where most lie


def letters(grey: np.ndarray) -> float:
    """uint8 (H, W) -> share of the area under lines of text, 0..1."""
    scale = LONG_SIDE / max(grey.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=method)
    area = sum(_lines(_candidates(side)) for side in (image, 255 - image))
    return min(1.0, area / image.size)


def _candidates(image: np.ndarray) -> np.ndarray:
    """Boxes (N, 7) of bright compact shapes with strokes: x, y, width, height, area, stroke width, levels above the ground."""
    ground = cv2.morphologyEx(image, cv2.MORPH_OPEN, np.ones((17, 17), np.uint8))
    lifted = cv2.subtract(image, ground)
    mask = cv2.compare(lifted, cv2.LUT(cv2.dilate(lifted, np.ones((9, 9), np.uint8)), LIFT), cv2.CMP_GT)
    _, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(mask, 8, cv2.CV_32S, cv2.CCL_GRANA)  # twice as fast
    x, y, width, height, area = stats.T
    sized = (height >= 7) & (height <= TALLEST) & (width >= 2) & (width <= 90) & (width <= 3 * height) & (area >= 12)
    filled = (area >= 0.2 * width * height) & (area <= 0.98 * width * height)
    sized[0] = False  # the ground
    boxes = []
    found = np.flatnonzero(sized & filled)
    for i in found if len(found) >= FEWEST else ():
        place = slice(y[i], y[i] + height[i]), slice(x[i], x[i] + width[i])
        inside = (labels[place] == i).view(np.uint8)
        mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(lifted[place], mask=inside))
        if deviation > 0.32 * mean:  # letters have one colour
            continue
        depth = cv2.distanceTransform(cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)
        widest = float(depth.max())
        if 2 * widest <= 0.5 * height[i] + 2:
            boxes.append((*stats[i], widest, mean))
    return np.array(boxes, float).reshape(-1, 7)


def _lines(boxes: np.ndarray) -> float:
    """Area under rows of at least FEWEST boxes of like height and stroke, on one base line, close together."""
    left, total = boxes[np.argsort(boxes[:, 0])].tolist(), 0.0
    while left:
        row, rest = [left.pop(0)], []
        px, py, pw, ph, _, pstroke, _ = row[0]
        for number, box in enumerate(left):
            x, y, _, height, _, stroke, _ = box
            if x - (px + pw) > WIDEST_GAP * TALLEST:  # as are all that follow
                rest += left[number:]
                break
            tall = max(height, ph)
            level = abs((y + height) - (py + ph)) <= 0.28 * tall or abs(y - py) <= 0.2 * tall
            like = min(height, ph) >= 0.5 * tall and max(stroke, pstroke) <= 1.7 * min(stroke, pstroke) + 0.6
            if level and like and -0.3 * tall <= x - (px + pw) <= WIDEST_GAP * tall:
                row.append(box)
                px, py, pw, ph, _, pstroke, _ = box
            else:
                rest.append(box)
        left = rest
        if len(row) >= FEWEST and _like_a_word(np.array(row)):
            span = row[-1][0] + row[-1][2] - row[0][0]
            total += span * float(np.median([box[3] for box in row]))
    return total


def _like_a_word(row: np.ndarray) -> bool:
    """Letters stand at even distances on one level, bear strokes of one width, and were put there to stand out from the scene.

    Leaves, fences and lit windows seldom do all of it.
    """
    gaps = row[1:, 0] - (row[:-1, 0] + row[:-1, 2])
    strokes, heights = row[:, 5], row[:, 3]
    edges = np.stack([row[:, 1], row[:, 1] + heights])  # tops, bottoms
    apart = np.abs(edges - np.median(edges, axis=1, keepdims=True)).mean(1) / np.median(heights)
    return bool(
        (len(row) >= MANY or row[:, 6].mean() >= BOLD)
        and apart.max() <= UNEVEN
        and np.ptp(gaps) <= 1.3 * heights.max()
        and strokes.std() <= 0.35 * strokes.mean() + 0.25
        and heights.std() <= 0.3 * heights.mean()
    )
