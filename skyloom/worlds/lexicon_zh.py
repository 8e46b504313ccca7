"""The Chinese words for everything in a record, the plainest first.

Keys are the labels of scene.py. `*_WORDS` are for reading as well as for writing: each wording of a label that the grammar
writes contains one of its words. `*_PHRASES` open a sentence, `*_CLAUSES` are sentences, `*_TAGS` stand alone.
"""

from .nouns import Noun

_PLACES = {  # (name, what makes it a location after 在)
    "meadow": (("草地", "上"), ("草原", "上"), ("绿草地", "上")),
    "beach": (("海滩", "上"), ("沙滩", "上"), ("海边", "")),
    "desert": (("沙漠", "里"), ("沙漠", "中"), ("沙丘", "间")),
    "snow": (("雪地", "里"), ("雪地", "上"), ("雪原", "上")),
    "sea": (("海面", "上"), ("大海", "上"), ("海洋", "上")),
    "underwater": (("水下", ""), ("海底", ""), ("水底", "")),
    "forest": (("森林", "里"), ("树林", "里"), ("林间", "")),
    "street": (("街道", "上"), ("大街", "上"), ("城市街道", "上")),
    "night city": (("夜晚的城市", "里"), ("霓虹城市", "里"), ("都市夜景", "中")),
    "mountains": (("山", "间"), ("群山", "间"), ("高山", "上")),
    "space": (("太空", "中"), ("太空", "里"), ("宇宙", "中")),
    "kitchen table": (("餐桌", "上"), ("厨房餐桌", "上"), ("厨房桌子", "上")),
    "stage": (("舞台", "上"), ("剧院舞台", "上"), ("剧场舞台", "上")),
    "road": (("公路", "上"), ("马路", "上"), ("道路", "上")),
    "farm": (("农场", "里"), ("农场", "上"), ("农家院子", "里")),
    "sky": (("天空", "中"), ("高空", "中"), ("半空", "中")),
    "playground": (("游乐场", "里"), ("儿童乐园", "里"), ("操场", "上")),
    "bedroom": (("卧室", "里"), ("卧房", "里"), ("睡房", "里")),
}
PLACE_WORDS = {place: tuple(dict.fromkeys(name for name, _ in ways)) for place, ways in _PLACES.items()}
PLACE_PHRASES = {place: tuple(name + after for name, after in ways) for place, ways in _PLACES.items()}

LIGHT_WORDS = {
    "day": ("白天", "日光"),
    "sunset": ("傍晚", "日落", "黄昏", "夕阳"),
    "night": ("夜晚", "夜里", "夜色", "月光"),
    "overcast": ("阴天", "阴沉", "灰蒙蒙"),
    "dawn": ("清晨", "黎明", "日出", "拂晓"),
}
LIGHT_PHRASES = {
    "day": ("白天", "大白天", "日光下"),
    "sunset": ("傍晚", "日落时分", "黄昏时", "夕阳下"),
    "night": ("夜晚", "夜里", "夜色中", "月光下"),
    "overcast": ("阴天里", "阴沉的天色下", "灰蒙蒙的光线下"),
    "dawn": ("清晨", "黎明时分", "日出时", "拂晓时"),
}
LIGHT_OF = {  # before 的
    "day": ("白天", "日光下"),
    "sunset": ("傍晚", "黄昏", "夕阳下"),
    "night": ("夜晚", "夜色中", "月光下"),
    "overcast": ("阴天", "阴沉天色下"),
    "dawn": ("清晨", "黎明", "拂晓"),
}
LIGHT_CLAUSES = {
    "day": ("现在是白天", "日光照着一切"),
    "sunset": ("现在是傍晚", "正值日落", "已是黄昏"),
    "night": ("现在是夜晚", "夜色笼罩四周", "月光洒下来"),
    "overcast": ("这是一个阴天", "天色阴沉"),
    "dawn": ("现在是清晨", "正值黎明", "正是日出时分"),
}
WEATHER_WORDS = {
    "clear": ("晴朗", "平静", "天气很好"),
    "rain": ("下雨", "雨中", "下着雨", "细雨"),
    "snow": ("下雪", "雪中", "下着雪", "雪花"),
    "leaves": ("落叶", "树叶"),
    "stars": ("星空", "星星", "繁星", "星光"),
}
WEATHER_TAGS = {
    "clear": ("晴朗", "平静"),
    "rain": ("下雨", "雨中", "细雨"),
    "snow": ("下雪", "雪花飘飘", "雪中"),
    "leaves": ("落叶", "落叶飞舞", "风吹树叶"),
    "stars": ("星空", "繁星", "星星闪烁"),
}
WEATHER_PHRASES = {  # also before 的
    "rain": ("雨中", "细雨中"),
    "snow": ("雪中", "雪花中"),
    "leaves": ("落叶中", "飞舞的落叶中"),
    "stars": ("星空下", "繁星下", "星光下"),
}
WEATHER_CLAUSES = {
    "clear": ("天气晴朗", "天气很好", "天气平静"),
    "rain": ("天上下着雨", "正在下雨", "细雨绵绵"),
    "snow": ("天上下着雪", "正在下雪", "雪花飘飘"),
    "leaves": ("落叶随风飞舞", "风吹着树叶飘过"),
    "stars": ("星星闪烁", "繁星点点", "星光闪闪"),
}
CLEAR_WATER = ("水里很平静", "水中一片平静")
CLEAR_VIEW = ("四周很平静", "一切都很平静")
CAMERA_TAGS = {
    "still": ("固定镜头", "静止镜头"),
    "pan left": ("向左平移", "镜头左移"),
    "pan right": ("向右平移", "镜头右移"),
    "tilt up": ("镜头上摇", "向上摇镜"),
    "tilt down": ("镜头下摇", "向下摇镜"),
    "zoom in": ("镜头推近", "推近"),
    "zoom out": ("镜头拉远", "拉远"),
    "follow": ("跟拍", "跟随镜头"),
    "orbit": ("环绕镜头", "镜头环绕"),
    "shake": ("镜头晃动", "手持镜头"),
}
CAMERA_CLAUSES = {
    "still": ("镜头固定", "镜头保持静止", "镜头固定不动"),
    "pan left": ("镜头向左平移", "镜头向左移动", "镜头缓缓左移"),
    "pan right": ("镜头向右平移", "镜头向右移动", "镜头缓缓右移"),
    "tilt up": ("镜头向上摇", "镜头缓缓上摇", "镜头向上抬起"),
    "tilt down": ("镜头向下摇", "镜头缓缓下摇", "镜头向下压低"),
    "zoom in": ("镜头推近", "镜头慢慢推近", "镜头逐渐靠近"),
    "zoom out": ("镜头拉远", "镜头慢慢拉远", "镜头逐渐远离"),
    "follow": ("镜头跟随着{xa}", "镜头跟着{xa}移动", "镜头跟拍{xa}"),
    "orbit": ("镜头环绕场景", "镜头绕着场景移动", "镜头环绕四周"),
    "shake": ("镜头晃动", "镜头不停抖动", "镜头微微晃动"),
}
CAMERA_WORDS = {
    camera: CAMERA_TAGS[camera] + tuple(c.removeprefix("镜头").partition("{")[0] for c in clauses)
    for camera, clauses in CAMERA_CLAUSES.items()
}
CAMERA_WORDS["follow"] += ("跟随",)
COLOUR_WORDS = {
    "red": ("红色",), "orange": ("橙色", "橘色"), "yellow": ("黄色",), "green": ("绿色",), "blue": ("蓝色",),
    "purple": ("紫色",), "pink": ("粉色", "粉红"),
}  # fmt: skip
SIZE_WORDS = {"small": ("小", "小小", "很小", "迷你"), "big": ("大", "巨大", "很大", "大大")}
NUMBER_WORDS = {1: ("一",), 2: ("两", "2"), 3: ("三", "3"), 4: ("四", "4"), 5: ("五", "5")}
RELATION_WORDS = {
    "left of": ("的左边", "左边", "的左侧"),
    "right of": ("的右边", "右边", "的右侧"),
    "behind": ("的后面", "后面", "的后方"),
    "in front of": ("的前面", "前面", "的前方"),
}
DIRECTIONS = {1: ("向右", "朝右", "从左向右"), -1: ("向左", "朝左", "从右向左")}
PROP_WORDS = {  # measure word, name
    "tree": ("棵", "树"), "bush": ("丛", "灌木"), "rock": ("块", "岩石"), "flower": ("朵", "花"),
    "cactus": ("棵", "仙人掌"),
    "fence": ("道", "栅栏"), "lamp post": ("盏", "路灯"), "cloud": ("朵", "云"), "seaweed": ("株", "海草"),
    "crate": ("个", "木箱"),
}  # fmt: skip
VERBS = {  # {o} is whom it concerns
    "stand": ("站着", "一动不动", "待在原地"),
    "walk": ("行走", "走", "散步", "走路"),
    "run": ("奔跑", "跑", "飞奔", "跑步"),
    "jump": ("跳跃", "跳", "蹦跳", "跳来跳去"),
    "bounce": ("弹跳", "上下弹跳", "弹来弹去"),
    "fall": ("落下", "掉下来", "坠落", "往下掉"),
    "roll": ("滚动", "翻滚", "打滚"),
    "fly": ("飞行", "飞", "飞翔"),
    "swim": ("游泳", "游动", "游"),
    "drive": ("行驶", "开动", "飞驰"),
    "sail": ("航行", "破浪前行"),
    "spin": ("旋转", "打转", "转动"),
    "grow": ("变大", "长大", "越变越大", "慢慢变大"),
    "shrink": ("变小", "缩小", "越变越小", "慢慢变小"),
    "sway": ("摇摆", "摇晃", "左右摇摆"),
    "float": ("飘浮", "漂浮", "悬浮"),
    "chase": ("追赶{o}", "追逐{o}", "追着{o}"),
    "meet": ("遇见{o}", "碰见{o}"),
    "circle": ("绕着{o}转圈", "围着{o}绕圈", "绕着{o}转"),
}
STATES = (*VERBS["stand"], *VERBS["meet"], "越变越大", "越变越小")  # no 正在 before these
ACTION_WORDS = {action: tuple(dict.fromkeys(verb.partition("{")[0] for verb in verbs)) for action, verbs in VERBS.items()}
ACTION_WORDS["chase"] += ("紧追不舍",)
ACTION_WORDS["meet"] += ("相遇", "会面")


def names(noun: Noun) -> tuple[str, ...]:
    """What the noun is called, the plainest first."""
    return (noun.zh, *noun.zh_synonyms)
