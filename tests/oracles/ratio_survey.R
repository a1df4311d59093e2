# Ratio metrics and row means with a randomisation unit above the row.
# survey: one stratum per arm, id = ~unit, so each arm's variance has its own n/(n-1).
# lm on rows with sandwich::vcovCL and clubSandwich for the same difference of row means.
#   Rscript tests/oracles/ratio_survey.R > tests/oracles/ratio_survey.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
suppressPackageStartupMessages({ library(survey); library(sandwich); library(clubSandwich) })

ratio_case <- function(name, d) {
  d$one <- 1
  des <- svydesign(id = ~unit, strata = ~treat, data = d, weights = ~one)
  by <- svyby(~num, ~treat, des, svyratio, denominator = ~den, covmat = TRUE, return.replicates = FALSE)
  names(by)[2] <- "ratio"
  arm <- lapply(c(1, 0), function(a) {
    s <- svydesign(id = ~unit, data = d[d$treat == a, ], weights = ~one)
    r <- svyratio(~num, ~den, s)
    list(units = length(unique(d$unit[d$treat == a])), rows = sum(d$treat == a),
         sum_num = sum(d$num[d$treat == a]), sum_den = sum(d$den[d$treat == a]),
         ratio = coef(r)[[1]], se = SE(r)[[1]])
  })
  names(arm) <- c("treatment", "control")
  V <- vcov(by); est <- by$ratio
  lift <- svycontrast(structure(setNames(est, c("rc", "rt")), var = matrix(V, 2, 2, dimnames = list(c("rc", "rt"), c("rc", "rt"))),
                                class = "svystat"), quote(rt / rc - 1))
  case(name, list(unit = arr(d$unit), treat = arr(d$treat), num = arr(d$num), den = arr(d$den)), list(
    treatment = arm$treatment, control = arm$control,
    difference = arm$treatment$ratio - arm$control$ratio,
    se_difference = sqrt(arm$treatment$se^2 + arm$control$se^2),
    se_difference_stratified = sqrt(sum(diag(V))),
    lift = coef(lift)[[1]], se_lift = sqrt(as.numeric(attr(lift, "var")))))
}

mean_case <- function(name, d) {
  d$one <- 1
  arm <- lapply(c(1, 0), function(a) {
    s <- svydesign(id = ~unit, data = d[d$treat == a, ], weights = ~one)
    m <- svymean(~y, s)
    list(units = length(unique(d$unit[d$treat == a])), rows = sum(d$treat == a), mean = coef(m)[[1]], se = SE(m)[[1]])
  })
  names(arm) <- c("treatment", "control")
  fit <- lm(y ~ treat, d)
  se <- function(v) sqrt(v["treat", "treat"])
  ct <- function(type) {
    r <- as.data.frame(coef_test(fit, vcovCR(fit, cluster = d$unit, type = type), test = "Satterthwaite"))
    list(se = r$SE[2], df = r$df_Satt[2], p = r$p_Satt[2])
  }
  case(name, list(unit = arr(d$unit), treat = arr(d$treat), y = arr(d$y)), list(
    treatment = arm$treatment, control = arm$control,
    difference = arm$treatment$mean - arm$control$mean,
    se_difference = sqrt(arm$treatment$se^2 + arm$control$se^2),
    lm_coef = coef(fit)[["treat"]],
    se_classical = se(vcov(fit)),
    vcovCL_HC0_no_cadjust = se(vcovCL(fit, cluster = d$unit, type = "HC0", cadjust = FALSE)),
    vcovCL_HC0_cadjust = se(vcovCL(fit, cluster = d$unit, type = "HC0", cadjust = TRUE)),
    vcovCL_HC1_no_cadjust = se(vcovCL(fit, cluster = d$unit, type = "HC1", cadjust = FALSE)),
    vcovCL_HC1_cadjust = se(vcovCL(fit, cluster = d$unit, type = "HC1", cadjust = TRUE)),
    CR0 = ct("CR0"), CR1 = ct("CR1"), CR1S = ct("CR1S"), CR2 = ct("CR2")))
}

make <- function(seed, units, rows, offset = 0) {
  set.seed(seed)
  out <- do.call(rbind, lapply(seq_len(units), function(u) {
    a <- (u %% 2)
    k <- 1 + rpois(1, rows - 1)
    b <- rnorm(1, 0, 1.5)
    den <- 1 + rpois(k, exp(.4 + .3 * b))
    data.frame(unit = u, treat = a, y = round(offset + 2 + .5 * a + b + rnorm(k), 4),
               den = den, num = rbinom(k, den, plogis(-1 + .3 * a + .5 * b)))
  }))
  out
}
d1 <- make(11, 80, 4)
d2 <- make(12, 21, 6, offset = 1e6)
d3 <- make(13, 80, 4); d3$num <- d3$num * 3.25 + round(d3$y, 2) # money per impression
d4 <- make(14, 60, 1); d4$unit <- seq_len(nrow(d4))             # one row per unit
d5 <- make(15, 40, 5); d5$den <- ifelse(d5$unit %% 5 == 0, 0, d5$den); d5$num <- pmin(d5$num, d5$den)
keep <- function(d, cols) d[, c("unit", "treat", cols)]
cases <- list(
  ratio_case("clicks per impression, 40 units per arm", keep(d1, c("num", "den"))),
  ratio_case("21 units, unequal arms", keep(d2, c("num", "den"))),
  ratio_case("money per impression", keep(d3, c("num", "den"))),
  ratio_case("one row per unit", keep(d4, c("num", "den"))),
  ratio_case("units with denominator zero", keep(d5, c("num", "den"))),
  mean_case("row mean, 40 units per arm", keep(d1, "y")),
  mean_case("row mean, 21 units, offset 1e6", keep(d2, "y")),
  mean_case("row mean, one row per unit", keep(d4, "y")))
emit("ratio_survey.R", cases, c("survey", "sandwich", "clubSandwich"),
     c("Cases named 'row mean' have input y and the lm results; the others have num and den.",
       "vcovCL's cadjust multiplies by G/(G-1); HC1 multiplies by (n-1)/(n-k).",
       "clubSandwich: CR1 = CR0 * G/(G-1), CR1S = CR0 * G(n-1)/((G-1)(n-k)); df and p are Satterthwaite's.",
       "lift is ratio_t/ratio_c - 1 with its first-order (delta method) standard error."))
