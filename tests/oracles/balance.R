# Covariate balance: standardised mean differences, variance ratio, Kolmogorov-Smirnov.
#   Rscript tests/oracles/balance.R > tests/oracles/balance.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
ginv_sym <- function(s) {
  e <- eigen(s, symmetric = TRUE); keep <- e$values > 1e-10 * max(e$values, 0)
  if (!any(keep)) return(matrix(0, nrow(s), ncol(s)))
  v <- e$vectors[, keep, drop = FALSE]; v %*% (t(v) / e$values[keep])
}
numeric_case <- function(name, t, c) {
  ks <- suppressWarnings(ks.test(t, c, exact = FALSE))
  out <- list(
    difference = mean(t) - mean(c),
    smd = (mean(t) - mean(c)) / sqrt((var(t) + var(c)) / 2),
    smd_pooled = (mean(t) - mean(c)) / sqrt(((length(t) - 1) * var(t) + (length(c) - 1) * var(c)) / (length(t) + length(c) - 2)),
    smd_control_sd = (mean(t) - mean(c)) / sd(c), smd_treatment_sd = (mean(t) - mean(c)) / sd(t),
    variance_ratio = var(t) / var(c), ks_statistic = ks$statistic[[1]], ks_p_asymptotic = ks$p.value)
  if (length(t) * length(c) < 10000) out$ks_p_exact <- ks.test(t, c, exact = TRUE)$p.value
  case(paste("numeric:", name), list(treatment = arr(as.numeric(t)), control = arr(as.numeric(c))), out)
}
# Yang & Dalton (2012): sqrt((T - C)' S^-1 (T - C)) over all levels but the first (sorted), S the mean of
# the two multinomial covariance matrices; a generalised inverse when S is singular.
cat_case <- function(name, t, c) {
  levels <- sort(unique(c(t, c)), method = "radix")
  pt <- as.numeric(table(factor(t, levels))) / length(t); pc <- as.numeric(table(factor(c, levels))) / length(c)
  cov1 <- function(p) diag(p, length(p)) - p %*% t(p)
  smd <- function(drop) {
    a <- pt[-drop]; b <- pc[-drop]
    s <- (cov1(a) + cov1(b)) / 2
    list(value = sqrt(drop((a - b) %*% ginv_sym(s) %*% (a - b))), singular = rcond(s) < 1e-12)
  }
  r <- smd(1)
  chi <- suppressWarnings(chisq.test(rbind(table(factor(t, levels)), table(factor(c, levels))), correct = FALSE))
  case(paste("categorical:", name),
       list(levels = arr(levels), treatment_counts = arr(as.numeric(table(factor(t, levels)))), control_counts = arr(as.numeric(table(factor(c, levels))))),
       list(smd = r$value, covariance_singular = r$singular, smd_without_last_level = smd(length(levels))$value,
            per_level_smd = arr((pt - pc) / sqrt((pt * (1 - pt) + pc * (1 - pc)) / 2)),
            chi2 = chi$statistic[[1]], chi2_df = chi$parameter[[1]], chi2_p = chi$p.value))
}
nsw <- read_data("nsw.csv"); tr <- nsw$treat == 1
nsw$group <- ifelse(nsw$black == 1, "black", ifelse(nsw$hisp == 1, "hisp", "other"))
# Customers in the manner of an e-mail test: skewed spend history, recency in months, channel, zip class.
set.seed(77); n <- 150
arm <- rep(c(1, 0, 0), n / 3)
history <- round(exp(rnorm(n, 5, .8)), 2); recency <- sample(1:12, n, TRUE, prob = 12:1)
channel <- sample(c("Web", "Phone", "Multichannel"), n, TRUE, prob = c(.44, .44, .12))
zip <- sample(c("Urban", "Suburban", "Rural"), n, TRUE, prob = c(.4, .45, .15)); newbie <- rbinom(n, 1, .5)
cases <- c(
  lapply(c("age", "educ", "re74", "re75", "black", "nodegree"), function(v) numeric_case(paste("nsw", v), nsw[[v]][tr], nsw[[v]][!tr])),
  list(numeric_case("history", history[arm == 1], history[arm == 0]),
       numeric_case("recency", recency[arm == 1], recency[arm == 0]),
       numeric_case("newbie", newbie[arm == 1], newbie[arm == 0]),
       numeric_case("large offset", 1e9 + (((0:39) * 37) %% 64) / 16, 1e9 + (((0:49) * 53) %% 64) / 16),
       cat_case("nsw group", nsw$group[tr], nsw$group[!tr]),
       cat_case("nsw education years", as.character(sprintf("%02d", nsw$educ[tr])), sprintf("%02d", nsw$educ[!tr])),
       cat_case("nsw married", as.character(nsw$marr[tr]), as.character(nsw$marr[!tr])),
       cat_case("channel", channel[arm == 1], channel[arm == 0]),
       cat_case("zip", zip[arm == 1], zip[arm == 0]),
       cat_case("level absent from one arm", rep(c("a", "b", "c"), c(10, 8, 4)), rep(c("a", "b"), c(12, 9))),
       cat_case("disjoint levels", rep("a", 5), rep("b", 6)),
       cat_case("identical", rep(c("a", "b", "c"), c(5, 3, 2)), rep(c("a", "b", "c"), c(10, 6, 4)))))
emit("balance.R", cases, notes = c(
  "smd divides by sqrt((s_t^2 + s_c^2)/2) with n-1 variances. Categorical SMD has no sign.",
  "covariance_singular: a generalised inverse was used (disjoint levels give 0 that way: treat as undefined); otherwise dropping any other level gives the same value.",
  "ks_p_asymptotic: Kolmogorov's limit distribution with n = n_t n_c/(n_t + n_c), two-sided; ks_p_exact where small (with ties, R conditions on the ties)."))
