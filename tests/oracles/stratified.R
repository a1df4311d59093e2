# Blocked experiments: estimatr for means, survey for ratios and for rows of units within strata.
#   Rscript tests/oracles/stratified.R > tests/oracles/stratified.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
suppressPackageStartupMessages({ library(estimatr); library(survey) })

make <- function(seed, sizes, share, offset = 0) {
  set.seed(seed)
  do.call(rbind, lapply(seq_along(sizes), function(b) {
    n <- sizes[b]
    treat <- sample(rep(0:1, c(n - round(n * share[b]), round(n * share[b]))))
    x <- round(rnorm(n, b), 4)
    den <- 1 + rpois(n, 2 + b)
    data.frame(block = letters[b], treat = treat, x = x, den = den, num = rbinom(n, den, plogis(-1 + .3 * treat + .2 * b)),
               y = round(offset + 3 * b + x + .4 * treat + rnorm(n, 0, 1 + .3 * b), 4))
  }))
}

# Satterthwaite's approximation over the cells of block and arm, from the squared standard errors of the cells.
satterthwaite <- function(d) {
  cells <- split(d$y, list(d$block, d$treat))
  share <- table(d$block) / nrow(d)
  v <- sapply(names(cells), function(k) share[[sub("\\..*", "", k)]]^2 * var(cells[[k]]) / length(cells[[k]]))
  sum(v)^2 / sum(v^2 / (sapply(cells, length) - 1))
}

mean_case <- function(name, d) {
  blocked <- difference_in_means(y ~ treat, blocks = block, data = d)
  saturated <- lm_lin(y ~ treat, covariates = ~ block, data = d, se_type = "HC2")
  case(name, list(block = arr(d$block), treat = arr(d$treat), y = arr(d$y)), list(
    difference = coef(blocked)[["treat"]], std_error = blocked$std.error[["treat"]], df_blocked = blocked$df[["treat"]],
    lin_difference = coef(saturated)[["treat"]], lin_std_error = saturated$std.error[["treat"]],
    df_satterthwaite = satterthwaite(d)))
}

# Weights that give every block the share it has in both arms together.
weighted <- function(d, unit) {
  units <- unique(d[, c(unit, "block", "treat")])
  both <- table(units$block); arm <- table(units$block, units$treat)
  d$w <- as.numeric(both[d$block]) / arm[cbind(d$block, as.character(d$treat))]
  d
}

survey_case <- function(name, d, numerator, denominator) {
  d <- weighted(d, "unit")
  design <- svydesign(id = ~unit, strata = ~interaction(block, treat), weights = ~w, data = d, nest = TRUE)
  arm <- lapply(0:1, function(a) svyratio(numerator, denominator, subset(design, treat == a)))
  est <- sapply(arm, function(r) coef(r)[[1]]); se <- sapply(arm, function(r) SE(r)[[1]])
  both <- structure(setNames(est, c("rc", "rt")), var = matrix(diag(se^2), 2, 2, dimnames = list(c("rc", "rt"), c("rc", "rt"))),
                    class = "svystat")
  lift <- svycontrast(both, quote(rt / rc - 1))
  case(name, list(unit = arr(d$unit), block = arr(d$block), treat = arr(d$treat), num = arr(d[[all.vars(numerator)]]),
                  den = arr(d[[all.vars(denominator)]])), list(
    control = est[1], treatment = est[2], difference = est[2] - est[1], std_error = sqrt(sum(se^2)),
    lift = coef(lift)[[1]], se_lift = sqrt(as.numeric(attr(lift, "var")))))
}

d1 <- make(1, c(60, 40, 90), c(.5, .5, .5))
d2 <- make(2, c(60, 41, 90, 8), c(.2, .5, .7, .5))
d3 <- make(3, c(4, 5, 6, 7, 4, 4, 9), rep(.5, 7), offset = 1e6)
d4 <- make(4, rep(4, 20), rep(.5, 20))
for (i in 1:3) assign(paste0("d", i), transform(get(paste0("d", i)), unit = seq_along(treat)))
set.seed(5)
r <- d2[rep(seq_len(nrow(d2)), 1 + rpois(nrow(d2), 3)), ]
r$y <- round(r$y + rnorm(nrow(r)), 4); r$one <- 1
cases <- list(
  mean_case("three blocks, equal shares", d1), mean_case("four blocks, unequal shares", d2),
  mean_case("seven small blocks, offset 1e6", d3), mean_case("twenty blocks of four", d4),
  survey_case("ratio, equal shares", d1, ~num, ~den), survey_case("ratio, unequal shares", d2, ~num, ~den),
  survey_case("rows of units, unequal shares", r, ~y, ~one))
emit("stratified.R", cases, c("estimatr", "survey"),
     c("difference_in_means(blocks =) and lm_lin(covariates = ~ block, se_type = HC2) for means.",
       "df_blocked is N - 2 B; df_satterthwaite is computed from the cells by its formula.",
       "survey: one stratum per block and arm, weights that give a block its share of the units of both arms.",
       "lift is treatment / control - 1 with its first-order (delta method) standard error."))
