"""Burned-in text, found without reading it: strokes of one width and one colour, letter beside letter on a line.

Dimension key: H W pixels, N components. What is measured is the share of the picture's area that lines of letters take. No
language is known here; writing on a wall in the scene counts as well, and single characters do not.
"""

import cv2
import numpy as np

LONG_SIDE = 640
FEWEST = 4  # letters of a line


def letters(grey: np.ndarray) -> float:
    """uint8 (H, W) -> share of the area under lines of text, 0..1."""
    scale = LONG_SIDE / max(grey.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=method)
    area = sum(_lines(_candidates(side)) for side in (image, 255 - image))
    return min(1.0, area / image.size)


def _candidates(image: np.ndarray) -> np.ndarray:
    """Boxes (N, 6) of bright compact shapes with strokes: x, y, width, height, area, stroke width."""
    ground = cv2.morphologyEx(image, cv2.MORPH_OPEN, np.ones((17, 17), np.uint8))
    lifted = cv2.subtract(image, ground)
    mask = ((lifted > 48) & (lifted > 0.55 * cv2.dilate(lifted, np.ones((9, 9), np.uint8)))).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    boxes = []
    for i in range(1, count):
        x, y, width, height, area = stats[i]
        if not (7 <= height <= 90 and 2 <= width <= 90 and width <= 3 * height and area >= 12):
            continue
        inside = labels[y : y + height, x : x + width] == i
        stroke = depth[y : y + height, x : x + width][inside]
        widest, fill = float(stroke.max()), area / (width * height)
        if not (0.2 <= fill <= 0.98 and 2 * widest <= 0.5 * height + 2):
            continue
        edge = lifted[y : y + height, x : x + width][inside]
        if edge.std() > 0.32 * edge.mean():  # letters have one colour
            continue
        boxes.append((x, y, width, height, area, widest))
    return np.array(boxes, float).reshape(-1, 6)


def _lines(boxes: np.ndarray) -> float:
    """Area under rows of at least FEWEST boxes of like height and stroke, on one base line, close together."""
    left, total = list(np.argsort(boxes[:, 0])), 0.0
    while left:
        row = [left.pop(0)]
        for i in list(left):
            x, y, _, height, _, stroke = boxes[i]
            px, py, pw, ph, _, pstroke = boxes[row[-1]]
            tall = max(height, ph)
            level = abs((y + height) - (py + ph)) <= 0.28 * tall or abs(y - py) <= 0.2 * tall
            like = min(height, ph) >= 0.5 * tall and max(stroke, pstroke) <= 1.7 * min(stroke, pstroke) + 0.6
            if level and like and -0.3 * tall <= x - (px + pw) <= 1.1 * tall:
                row.append(i)
                left.remove(i)
        if len(row) >= FEWEST and _like_a_word(boxes[row]):
            span = boxes[row[-1], 0] + boxes[row[-1], 2] - boxes[row[0], 0]
            total += span * float(np.median(boxes[row, 3]))
    return total


def _like_a_word(row: np.ndarray) -> bool:
    """Letters stand at even distances and bear strokes of one width; leaves and windows seldom do all of it."""
    gaps = row[1:, 0] - (row[:-1, 0] + row[:-1, 2])
    strokes, heights = row[:, 5], row[:, 3]
    return bool(
        np.ptp(gaps) <= 1.3 * heights.max()
        and strokes.std() <= 0.35 * strokes.mean() + 0.25
        and heights.std() <= 0.3 * heights.mean()
    )
