# Many treatments against one control: multcomp::glht Dunnett contrasts, pooled variance.
#   Rscript tests/oracles/dunnett.R > tests/oracles/dunnett.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
suppressPackageStartupMessages(library(multcomp))

one <- function(name, y, g, control) {
  g <- relevel(factor(g), ref = control)
  d <- data.frame(y = as.numeric(y), g = g)
  fit <- aov(y ~ g, d)
  out <- list(df = fit$df.residual, sd_pooled = sigma(fit))
  arms <- levels(g)[-1]
  for (alt in c("two.sided", "less", "greater")) {
    h <- glht(fit, linfct = mcp(g = "Dunnett"), alternative = alt)
    set.seed(1)
    s <- summary(h, test = adjusted("single-step", maxpts = 2e5, abseps = 1e-5, releps = 0))$test
    raw <- summary(h, test = univariate())$test
    out[[alt]] <- list(statistic = arr(s$tstat), estimate = arr(s$coefficients), se = arr(s$sigma),
                       p_adjusted = arr(s$pvalues), p_error = max(0, attr(s$pvalues, "error")),
                       p_unadjusted = arr(raw$pvalues))
  }
  samples <- split(d$y, d$g)
  case(name, list(control = arr(samples[[1]]), treatments = setNames(lapply(samples[-1], arr), arms)), out)
}
steel <- list(a = c(7.40, 8.50, 7.20, 8.24, 9.84, 8.32), b = c(9.76, 8.80, 7.68, 9.36), c = c(12.80, 9.68, 12.16, 9.20, 10.55))
tg <- ToothGrowth
cases <- list(
  one("PlantGrowth", PlantGrowth$weight, PlantGrowth$group, "ctrl"),
  one("ToothGrowth dose", tg$len, paste0("dose", tg$dose), "dose0.5"),
  one("chickwts casein linseed soybean sunflower horsebean", chickwts$weight[chickwts$feed != "meatmeal"],
      as.character(chickwts$feed[chickwts$feed != "meatmeal"]), "horsebean"),
  one("chickwts all six", chickwts$weight, as.character(chickwts$feed), "casein"),
  one("Dunnett 1955 blood counts", unlist(steel), rep(names(steel), lengths(steel)), "a"),
  one("warpbreaks tension", warpbreaks$breaks, as.character(warpbreaks$tension), "L"),
  one("one treatment", sleep$extra, paste0("g", sleep$group), "g1"))
emit("dunnett.R", cases, c("multcomp", "mvtnorm"), c(
  "p_adjusted comes from the multivariate t by randomised quasi Monte Carlo, p_error is its error estimate: compare to about 5e-5. dunnett_exact.json has p and the simultaneous intervals by quadrature.",
  "treatments and result vectors are in the same order. less means treatment < control."))
