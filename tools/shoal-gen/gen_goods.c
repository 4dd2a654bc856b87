/* gen_goods.c -- what the shop sells, and the mapping that explains its files. */
#include <stdlib.h>

#include "calendar.h"
#include "gen_shop.h"

const struct gen_category gen_categories[GEN_CATEGORY_COUNT] = {
    {"tea", "茶", {"龙井", "普洱", "正山小种", "茉莉花茶", "铁观音", "白茶"}, 2900, 49900, 35, 90},
    {"coffee", "咖啡", {"挂耳咖啡", "冷萃液", "咖啡豆", "冻干咖啡", "拿铁粉", "手冲壶"}, 3900, 25900, 25, 80},
    {"skin-care", "护肤", {"精华液", "面膜", "防晒霜", "洁面乳", "眼霜", "身体乳"}, 4900, 89900, 45, 120},
    {"make-up", "彩妆", {"口红", "气垫", "眼影盘", "腮红", "睫毛膏", "定妆粉"}, 3900, 45900, 80, 70},
    {"mother-baby", "母婴", {"纸尿裤", "奶粉", "婴儿湿巾", "辅食泥", "奶瓶", "爬行垫"}, 1900, 39900, 28, 75},
    {"snacks", "零食", {"坚果礼盒", "肉脯", "海苔", "曲奇", "果干", "辣条"}, 990, 12900, 20, 110},
    {"fitness", "健身", {"瑜伽垫", "蛋白粉", "弹力带", "哑铃", "运动内衣", "筋膜枪"}, 2900, 99900, 0, 55},
    {"pets", "宠物", {"猫粮", "狗粮", "猫砂", "逗猫棒", "宠物窝", "冻干"}, 2900, 35900, 30, 60},
    {"home", "家居", {"香薰", "收纳箱", "四件套", "台灯", "浴巾", "抱枕"}, 1900, 69900, 0, 65},
    {"fashion", "女装", {"连衣裙", "针织衫", "风衣", "半身裙", "衬衫", "羽绒服"}, 9900, 129900, 0, 85},
    {"menswear", "男装", {"夹克", "牛仔裤", "Polo衫", "西裤", "卫衣", "皮带"}, 8900, 99900, 0, 40},
    {"outdoor", "户外", {"帐篷", "冲锋衣", "露营灯", "登山杖", "保温壶", "折叠椅"}, 4900, 159900, 0, 35},
    {"books", "阅读", {"小说", "绘本", "食谱", "旅行指南", "习字帖", "日历"}, 1900, 15900, 0, 45},
    {"wellness", "养生", {"燕窝", "阿胶糕", "枸杞", "艾灸贴", "足浴包", "益生菌"}, 5900, 129900, 40, 50},
};

const char *const gen_brands[] = {"云上",         "山野集", "初见", "半夏",   "Nordlys", "拾光", "青禾",   "木木",
                                  "Kinfolk Home", "南风",   "Luma", "海盐社", "一刻",    "北岸", "Mellow", "花间"};
const uint32_t gen_brand_count = sizeof gen_brands / sizeof gen_brands[0];

void gen_date_text(int32_t day, char text[16]) {
    const struct sh_date date = sh_date_from_day(day);
    (void)snprintf(text, 16, "%04u-%02u-%02u", (unsigned)date.year % 10000, (unsigned)date.month % 100,
                   (unsigned)date.day % 100);
}

struct gen_item gen_item_of(const struct gen_options *options, uint32_t number) {
    struct gen_random random = gen_stream(options->seed, 3, number);
    struct gen_item item = {0};
    item.category = (uint8_t)(number % GEN_CATEGORY_COUNT);
    item.brand = (uint8_t)gen_below(&random, gen_brand_count);
    const struct gen_category *category = &gen_categories[item.category];
    /* The smaller of two draws: more cheap things than dear ones. */
    const uint32_t spread = category->price_high - category->price_low;
    const uint32_t a = gen_below(&random, spread);
    const uint32_t b = gen_below(&random, spread);
    item.price = (category->price_low + (a < b ? a : b)) / 100 * 100 + 90;
    const int32_t first_day = options->until_day - (int32_t)options->day_count + 1;
    item.listed_day = gen_chance(&random, 600) ? first_day - (int32_t)gen_below(&random, 300)
                                               : first_day + (int32_t)gen_below(&random, options->day_count);
    return item;
}

int gen_write_items(const struct gen_options *options, FILE *file) {
    static const char *const styles[] = {"经典", "轻享", "限定", "家庭装", "礼盒", "Mini", "Pro", "新品"};
    (void)fputs("item_id,title,category,brand,price,stock,listed_at,kind,tags\n", file);
    for (uint32_t number = 0; number < options->item_count; number++) {
        const struct gen_item item = gen_item_of(options, number);
        struct gen_random random = gen_stream(options->seed, 4, number);
        const struct gen_category *category = &gen_categories[item.category];
        const char *brand = gen_brands[item.brand];
        const char *style = styles[gen_below(&random, sizeof styles / sizeof styles[0])];
        const char *noun = category->nouns[gen_below(&random, 6)];
        char date[16];
        gen_date_text(item.listed_day, date);
        /* Every tenth title has a comma and quotes, as titles do. */
        (void)fprintf(file, "i%06u,", number + 1);
        if (number % 10 == 9)
            (void)fprintf(file, "\"%s \"\"%s\"\" %s, 第%u代\"", brand, style, noun, number % 7 + 1);
        else
            (void)fprintf(file, "%s %s%s", brand, style, noun);
        const uint32_t stock = gen_chance(&random, 40) ? 0 : 1 + gen_below(&random, 500);
        (void)fprintf(file, ",%s,%s,%u.%02u,%u,%s,", category->slug, brand, item.price / 100, item.price % 100, stock,
                      date);
        (void)fprintf(file, "%s,",
                      gen_chance(&random, 60)   ? "coupon"
                      : gen_chance(&random, 50) ? "article"
                                                : "product");
        (void)fprintf(file, "%s", category->interest);
        if (gen_chance(&random, 300)) /* a second tag from a neighbour: what crosses the shelves */
            (void)fprintf(file, "|%s", gen_categories[(item.category + 1) % GEN_CATEGORY_COUNT].interest);
        if (gen_chance(&random, 80)) (void)fputs("|新品", file);
        if (gen_chance(&random, 60)) (void)fputs("|限时", file);
        if (fputc('\n', file) == EOF) return -1;
    }
    return 0;
}

int gen_write_mapping(FILE *file) {
    const int written = fputs("# How the columns of these files become users, items and events.\n"
                              "zone = Asia/Shanghai\n"
                              "\n"
                              "[users]\n"
                              "file = users.csv\n"
                              "id = user_id\n"
                              "name : string = name\n"
                              "gender : string = gender\n"
                              "city : string = city\n"
                              "会员等级 : enum(普通会员, 银卡, 金卡, 钻石) = tier\n"
                              "birthday : date = birthday\n"
                              "joined : time = joined\n"
                              "points : int = points\n"
                              "balance : decimal(2) = balance\n"
                              "store : string = store\n"
                              "channel : string = channel\n"
                              "invited_by : string = invited_by\n"
                              "consent : bool = consent\n"
                              "interests : tags('|') = interests\n"
                              "\n"
                              "[items]\n"
                              "file = items.csv\n"
                              "id = item_id\n"
                              "title : string = title\n"
                              "category : string = category\n"
                              "brand : string = brand\n"
                              "price : decimal(2) = price\n"
                              "stock : int = stock\n"
                              "listed_at : time = listed_at\n"
                              "kind : string = kind\n"
                              "tags : tags('|') = tags\n"
                              "\n"
                              "[events]\n"
                              "file = events.csv\n"
                              "id = event_id\n"
                              "type = type\n"
                              "user = user_id\n"
                              "item = item_id\n"
                              "time = time ms\n"
                              "amount = amount\n"
                              "store : string = store\n"
                              "quantity : int = quantity\n"
                              "\n"
                              "[feed]\n"
                              "eligible = stock > 0\n"
                              "diversity = 2 of category in 5\n"
                              "listed since = listed_at\n",
                              file);
    return written < 0 ? -1 : 0;
}
