/* gen_people.c -- who the users are: names, places, tiers, interests. */
#include <stdbool.h>
#include <string.h>

#include "gen_shop.h"

/* Largest first: index 0 has about a sixth of the people. */
static const char *const cities[] = {
    "上海", "北京",   "成都", "广州", "深圳",   "杭州",      "重庆",   "武汉",   "西安",   "南京", "苏州",
    "天津", "长沙",   "郑州", "青岛", "宁波",   "厦门",      "合肥",   "昆明",   "福州",   "济南", "沈阳",
    "大连", "哈尔滨", "佛山", "东莞", "无锡",   "温州",      "石家庄", "南宁",   "贵阳",   "南昌", "太原",
    "兰州", "海口",   "香港", "台北", "新加坡", "Singapore", "London", "Sydney", "Toronto"};
enum { CITY_COUNT = sizeof cities / sizeof cities[0], ENGLISH_CITY_COUNT = 4 };

static const char *const surnames[] = {"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴",   "徐", "孙", "胡",
                                       "朱", "高", "林", "何", "郭", "马", "罗", "梁", "宋", "欧阳", "郑", "谢", "韩"};
static const char *const given[] = {"伟",   "芳",   "娜",   "敏",   "静",   "丽",   "强",   "磊",   "洋",   "艳",
                                    "勇",   "军",   "杰",   "娟",   "涛",   "明",   "超",   "秀英", "霞",   "平",
                                    "雨桐", "子涵", "欣怡", "浩然", "梓萱", "宇轩", "佳琪", "思远", "若曦", "一诺"};
static const char *const english_first[] = {"Emma", "Liam",  "Olivia", "Noah", "Ava",   "Lucas",
                                            "Mia",  "Ethan", "Chloe",  "Jack", "Grace", "Henry"};
static const char *const english_last[] = {"Smith", "Brown", "Taylor", "Wilson", "Tan", "Lim", "Walker", "Wright"};
static const char *const tiers[] = {"普通会员", "银卡", "金卡", "钻石"};
static const char *const genders[] = {"", "女", "男"};
static const char *const channels[] = {"wechat", "mini-program", "douyin", "store", "referral"};

#define PICK(random, table) (table)[gen_below((random), (uint32_t)(sizeof(table) / sizeof((table)[0])))]

static uint32_t pick_category(struct gen_random *random) {
    uint32_t total = 0;
    for (uint32_t i = 0; i < GEN_CATEGORY_COUNT; i++)
        total += gen_categories[i].weight;
    uint32_t wanted = gen_below(random, total);
    for (uint32_t i = 0; i < GEN_CATEGORY_COUNT; i++) {
        if (wanted < gen_categories[i].weight) return i;
        wanted -= gen_categories[i].weight;
    }
    return 0;
}

struct gen_user gen_user_of(const struct gen_options *options, uint32_t number) {
    static double city_table[CITY_COUNT];
    if (city_table[0] == 0) gen_zipf_table(city_table, CITY_COUNT, 1.5);
    struct gen_random random = gen_stream(options->seed, 1, number);
    struct gen_user user = {0};
    user.city = (uint16_t)gen_zipf(&random, city_table, CITY_COUNT);
    user.gender = (uint8_t)(gen_chance(&random, 60) ? 0 : gen_chance(&random, 640) ? 1 : 2);
    user.store = (uint8_t)((user.city * 5u + gen_below(&random, 3)) % GEN_STORE_COUNT); /* near home */
    const uint32_t wanted = 1 + gen_below(&random, GEN_INTERESTS_MAX);
    for (uint32_t i = 0; i < wanted; i++) {
        const uint32_t category = pick_category(&random);
        if (memchr(user.interests, (int)category, user.interest_count) == NULL || user.interest_count == 0)
            user.interests[user.interest_count++] = (uint8_t)category;
    }
    /* Joined: more and more people over time, the square root of a uniform draw leans to the late days. Without libm:
     * the larger of two draws has the same distribution. */
    const uint32_t a = gen_below(&random, options->day_count);
    const uint32_t b = gen_below(&random, options->day_count);
    const int32_t first_day = options->until_day - (int32_t)options->day_count + 1;
    user.joined_day = first_day + (int32_t)(a > b ? a : b);
    user.last_day = options->until_day;
    const int32_t age_days = options->until_day - user.joined_day;
    if (age_days > 60 && gen_chance(&random, 350)) /* gone quiet for at least a month */
        user.last_day = user.joined_day + (int32_t)gen_below(&random, (uint32_t)age_days - 30);
    /* Pareto with exponent 1, cut at 50 times the median or so. */
    const double weight = 1.0 / (0.02 + gen_unit(&random));
    user.activity = (uint32_t)(weight * 16) + 1;
    const uint32_t rank = (uint32_t)weight;
    user.tier = (uint8_t)(rank >= 20 ? 3 : rank >= 6 ? 2 : rank >= 3 ? 1 : 0);
    if (gen_chance(&random, 80) && user.tier > 0) user.tier--; /* spending is not everything */
    return user;
}

/* As a CSV field: no name in the tables above holds a quote or a comma. */
static void put_name(FILE *file, struct gen_random *random, bool english) {
    /* One draw a statement: which argument of a call is evaluated first is the compiler's choice. */
    const char *first = english ? PICK(random, english_first) : PICK(random, surnames);
    const char *second = english ? PICK(random, english_last) : PICK(random, given);
    (void)fprintf(file, "%s%s%s", first, english ? " " : "", second);
}

int gen_write_users(const struct gen_options *options, FILE *file) {
    (void)fputs(
        "user_id,name,gender,city,tier,birthday,joined,points,balance,store,channel,invited_by,consent,interests\n",
        file);
    for (uint32_t number = 0; number < options->user_count; number++) {
        const struct gen_user user = gen_user_of(options, number);
        struct gen_random random = gen_stream(options->seed, 2, number);
        const bool english = user.city >= CITY_COUNT - ENGLISH_CITY_COUNT;
        (void)fprintf(file, "u%07u,", number + 1);
        put_name(file, &random, english);
        (void)fprintf(file, ",%s,%s,%s,", genders[user.gender], cities[user.city], tiers[user.tier]);
        char date[16] = "";
        if (!gen_chance(&random, 180)) {                                     /* some never tell */
            gen_date_text(-7300 + (int32_t)gen_below(&random, 18000), date); /* born 1950 to 1999 */
        }
        (void)fprintf(file, "%s,", date);
        gen_date_text(user.joined_day, date);
        const uint32_t second = 36000 + gen_below(&random, 46000);
        (void)fprintf(file, "%s %02u:%02u:%02u,", date, second / 3600, second / 60 % 60, second % 60);
        const uint32_t points = gen_below(&random, 60 * user.activity + 1);
        (void)fprintf(file, "%u,", points > 100000 ? 100000 : points);
        const uint32_t balance = gen_chance(&random, 700) ? 0 : gen_below(&random, 50000);
        (void)fprintf(file, "%u.%02u,", balance / 100, balance % 100);
        (void)fprintf(file, "store-%02u,", user.store + 1u);
        const bool invited = number > 0 && gen_chance(&random, 125);
        (void)fprintf(file, "%s,", invited ? "referral" : channels[gen_below(&random, 4)]);
        if (invited) { /* by somebody with a smaller number; a few invite many */
            const uint32_t inviter =
                gen_chance(&random, 300) ? gen_below(&random, 1 + number / 50) : gen_below(&random, number);
            (void)fprintf(file, "u%07u", inviter + 1);
        }
        (void)fprintf(file, ",%s,", gen_chance(&random, 870) ? "true" : "false");
        bool first = true;
        for (uint32_t i = 0; i < user.interest_count; i++) {
            if (gen_chance(&random, 250)) continue; /* the sales staff has not noticed yet */
            (void)fprintf(file, "%s%s", first ? "" : "|", gen_categories[user.interests[i]].interest);
            first = false;
        }
        if (fputc('\n', file) == EOF) return -1;
    }
    return 0;
}
